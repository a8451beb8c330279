/**
 * Output as terminals read it, to be shown as text: colours and weight become spans with class names, all other control sequences are left
 * out. What it gives is data, never markup.
 */

export interface AnsiSpan {
  readonly text: string
  /** Class names; '' for plain text. */
  readonly style: string
}

interface Style {
  colour: string | undefined
  bold: boolean
  faint: boolean
  italic: boolean
  underline: boolean
  inverse: boolean
}

const colours = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'] as const

/**
 * CSI sequences, which end in a letter; OSC and the like, which end in BEL or ST; other escapes of two characters; and single control characters
 * but the tab. What is cut off at the end of the text goes as well.
 */
const control =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about.
  /\x1b\[([0-9;:<=>?]*)[ -/]*([@-~]|$)|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[ -/]*(?:[0-~]|$)|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g

/** Whether anything in the text is more than text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it is about.
const hasControl = (text: string): boolean => /[\x00-\x08\x0a-\x1f\x7f-\x9f]/.test(text)

/** A line that is written over itself (a bar of progress) shows what was written last. */
function afterReturn(text: string): string {
  const rest = text.replace(/\r+$/, '')
  return rest.slice(rest.lastIndexOf('\r') + 1)
}

/** The text alone. */
export function plainOf(text: string): string {
  return hasControl(text) ? afterReturn(text).replace(control, '') : text
}

/** The text in pieces of one look each; together they are `plainOf(text)`. */
export function spansOf(text: string): AnsiSpan[] {
  if (!hasControl(text)) return [{ text, style: '' }]
  const line = afterReturn(text)
  const spans: AnsiSpan[] = []
  const style = plainStyle()
  const add = (piece: string) => {
    const name = classesOf(style)
    const last = spans.at(-1)
    if (piece === '') return
    if (last?.style === name) spans[spans.length - 1] = { text: last.text + piece, style: name }
    else spans.push({ text: piece, style: name })
  }
  let from = 0
  for (const match of line.matchAll(control)) {
    add(line.slice(from, match.index))
    from = match.index + match[0].length
    if (match[2] === 'm') apply(style, match[1] ?? '')
  }
  add(line.slice(from))
  return spans
}

const plainStyle = (): Style => ({
  colour: undefined,
  bold: false,
  faint: false,
  italic: false,
  underline: false,
  inverse: false,
})

function apply(style: Style, parameters: string): void {
  const codes = parameters.split(/[;:]/).map((code) => (code === '' ? 0 : Number(code)))
  for (let at = 0; at < codes.length; at += 1) {
    const code = codes[at] as number
    if (code === 38 || code === 48) {
      // 5;n is one of 256, 2;r;g;b is any: only the first sixteen have a colour here.
      if (codes[at + 1] === 5 && code === 38) style.colour = indexed(codes[at + 2])
      at += codes[at + 1] === 5 ? 2 : 4
    } else applyOne(style, code)
  }
}

function applyOne(style: Style, code: number): void {
  if (code === 0) Object.assign(style, plainStyle())
  else if (code === 1) style.bold = true
  else if (code === 2) style.faint = true
  else if (code === 3) style.italic = true
  else if (code === 4) style.underline = true
  else if (code === 7) style.inverse = true
  else if (code === 22) Object.assign(style, { bold: false, faint: false })
  else if (code === 23) style.italic = false
  else if (code === 24) style.underline = false
  else if (code === 27) style.inverse = false
  else if (code >= 30 && code <= 37) style.colour = colours[code - 30]
  else if (code === 39) style.colour = undefined
  else if (code >= 90 && code <= 97) style.colour = colours[code - 90]
}

const indexed = (index: number | undefined) => (index !== undefined && index < 16 ? colours[index % 8] : undefined)

function classesOf({ colour, bold, faint, italic, underline, inverse }: Style): string {
  const names: string[] = []
  if (colour !== undefined) names.push(`ansi-${colour}`)
  if (bold) names.push('ansi-bold')
  if (faint) names.push('ansi-faint')
  if (italic) names.push('ansi-italic')
  if (underline) names.push('ansi-underline')
  if (inverse) names.push('ansi-inverse')
  return names.join(' ')
}
