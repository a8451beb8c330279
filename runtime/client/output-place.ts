/**
 * How far a reader has come in the output of one attempt. The manager knows no position, so each reading begins with
 * the oldest byte that is kept; the bytes that were lost before it count as well, or a later reading would pass over
 * what it has never shown.
 */
import type { OutputPiece } from './output.ts'

export class OutputPlace {
  /** Up to where each stream was shown, or said to be lost, in bytes from its beginning. */
  readonly #shown = { stdout: 0, stderr: 0 }
  /** Where the present reading is. */
  readonly #at = { stdout: 0, stderr: 0 }

  /** A new reading starts from the front. */
  beginAgain(): void {
    this.#at.stdout = 0
    this.#at.stderr = 0
  }

  /** The part of a piece that is to be shown, with what is missing just before it; undefined if all of it is known. */
  newsOf({ stream, data, lostBytes }: OutputPiece): OutputPiece | undefined {
    let lost: number | undefined
    if (lostBytes === 0) {
      // Nobody knows where this is: to show something twice is better than to drop it.
      this.#at[stream] = this.#shown[stream]
      lost = 0
    } else if (lostBytes !== undefined) {
      this.#at[stream] += lostBytes
      const missing = this.#at[stream] - this.#shown[stream]
      if (missing > 0) {
        this.#shown[stream] += missing
        lost = missing
      }
    }
    const known = Math.min(this.#shown[stream] - this.#at[stream], data.byteLength)
    this.#at[stream] += data.byteLength
    this.#shown[stream] = Math.max(this.#shown[stream], this.#at[stream])
    const rest = data.subarray(known)
    if (lost !== undefined) return { stream, data: rest, lostBytes: lost }
    return rest.byteLength === 0 ? undefined : { stream, data: rest }
  }
}
