/**
 * How wide text will be, without a page to ask: the widths of Helvetica and of what looks like it, by groups of letters.
 * The drawing pins each text to the width that was reckoned with, so that another font cannot make texts overlap.
 */

/** Widths in thousandths of the font's size. */
const widths: readonly (readonly [letters: string, width: number])[] = [
  [`ijl|'`, 222],
  ['fItr.,:;!/\\()[]{} `-"', 300],
  ['Jcksvxyz', 500],
  ['0123456789abdeghnopqu_?$#L', 556],
  ['FTZ+<>=~*^', 605],
  ['ABEKPSVXY&', 667],
  ['CDGHNORUQ', 740],
  ['wm', 800],
  ['MW@%', 945],
]
const widthOf = new Map(widths.flatMap(([letters, width]) => [...letters].map((letter) => [letter, width] as const)))

/** Of a letter outside ASCII: as wide as an em where scripts are square. */
const otherWidth = (letter: string): number => ((letter.codePointAt(0) ?? 0) >= 0x1100 ? 1_000 : 620)

/** Bold letters are so much wider. */
const boldFactor = 1.07

/** The width of a text in px. */
export function textWidth(text: string, fontPx: number, bold = false): number {
  let sum = 0
  for (const letter of text) sum += widthOf.get(letter) ?? otherWidth(letter)
  return Math.ceil((sum * fontPx * (bold ? boldFactor : 1)) / 1_000)
}

/** A text that is no wider than this, cut with `…` where it would be. */
export function cutToWidth(text: string, widthPx: number, fontPx: number, bold = false): string {
  if (textWidth(text, fontPx, bold) <= widthPx) return text
  const letters = [...text]
  while (letters.length > 1 && textWidth(`${letters.join('')}…`, fontPx, bold) > widthPx) letters.pop()
  return `${letters.join('')}…`
}
