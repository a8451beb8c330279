/** Hands the reader a text as a file, made in the page. */
export function saveText(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }))
  const link = document.createElement('a')
  link.href = url
  link.download = name
  link.click()
  // The download has begun by then; kept for longer, it would be kept for ever.
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
