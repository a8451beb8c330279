/** What comes from outside, as a terminal may be shown it: names, labels and reasons are anybody's. */

const escapeCode = '\u001b'
const risky = /\p{Cc}\[(?:31|32|33|36|2|0)m|(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]/gu

/** Without what could move the cursor or turn the order of letters round; line ends, tabs and our own colours stay. */
export const harmless = (text: string): string =>
  text.replace(risky, (found) => (found.length > 2 && found.startsWith(escapeCode) ? found : ' '))

/** As JSON, in which whatever a terminal would act upon is escaped: JSON itself lets some of that stand. */
export const jsonText = (value: unknown, indent?: number): string =>
  JSON.stringify(value, null, indent).replace(/(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/gu, escaped)

const escaped = (text: string): string =>
  Array.from({ length: text.length }, (_, at) => `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')
