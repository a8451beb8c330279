/** What somebody pasted, as a token. */

/** The token in a whole address (`http://…/#token=…`), or the text itself; undefined where there is none in it. */
export function tokenIn(text: string): string | undefined {
  const plain = text.trim()
  const given = /#token=([^&/\s]+)/.exec(plain)?.[1]
  if (given !== undefined) return decoded(given)
  return plain === '' || /[\s#/]/.test(plain) ? undefined : plain
}

/** Half-written escapes stay as they are. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
