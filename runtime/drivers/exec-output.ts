/** The beginning of what a command wrote, for people: the rest of it is let go of as it comes. */
export const execLimits = {
  /** Of the output of a command beside an attempt, in characters. */
  outputCharsMax: 512,
} as const

export class ExecOutput {
  #text = ''

  add(bytes: Uint8Array): void {
    if (this.#text.length < execLimits.outputCharsMax) this.#text += Buffer.from(bytes).toString('utf8')
  }

  /** On one line. */
  get text(): string {
    return this.#text.slice(0, execLimits.outputCharsMax).replace(/\s+/g, ' ').trim()
  }
}
