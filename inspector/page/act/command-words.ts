/** A command line split into words as a shell would, without anything else that a shell does. */

export type CommandWords =
  | { readonly words: readonly string[]; readonly fault?: undefined }
  | { readonly words: readonly string[]; readonly fault: string }

/**
 * Blanks part words; `'…'` is taken as it stands; in `"…"` a backslash keeps `"`, `\`, `$` and `` ` `` from meaning
 * anything; outside, it keeps whatever follows. Variables, pipes and patterns are words like any other: no shell runs.
 */
export function splitCommand(line: string): CommandWords {
  const words: string[] = []
  let word: string | undefined
  let quote: "'" | '"' | undefined
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] as string
    if (quote === "'") {
      if (char === "'") quote = undefined
      else word += char
    } else if (char === '\\') {
      const next = line[at + 1]
      if (next === undefined) return { words, fault: 'It ends with a backslash that keeps nothing.' }
      at += 1
      // A line that goes on in the next.
      if (next === '\n') continue
      word = (word ?? '') + (quote === '"' && !'"\\$`'.includes(next) ? `\\${next}` : next)
    } else if (quote === '"') {
      if (char === '"') quote = undefined
      else word += char
    } else if (char === "'" || char === '"') {
      quote = char
      word ??= ''
    } else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word)
      word = undefined
    } else word = (word ?? '') + char
  }
  if (quote !== undefined) return { words: [...words, word ?? ''], fault: `A quote (${quote}) is not closed.` }
  if (word !== undefined) words.push(word)
  return { words }
}

/** What looks as though a shell were expected, which there is none of; undefined: nothing does. */
export function shellHint(words: readonly string[]): string | undefined {
  const found = words.find((word) => /^(\||\|\||&&|;|&|>|>>|<|2>&1)$/.test(word) || /^\$[A-Za-z_{(]/.test(word))
  if (found === undefined || /(^|\/)(sh|bash|zsh|dash)$/.test(words[0] ?? '')) return undefined
  return `No shell runs: “${found}” is handed over as a word. Write sh -c '…' to have one.`
}
