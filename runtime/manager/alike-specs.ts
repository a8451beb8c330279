/** Specifications that many tasks have alike, so that each is decoded and held once, with all that refers to parts of it. */
import type { TaskSpec } from '../../actors/model.ts'

export const alikeSpecsLimits = {
  /** Different ones that are known; the oldest goes first. */
  specsMax: 512,
  /** Bytes of one as it is stored; larger ones are their tasks' own. */
  specBytesMax: 4_096,
} as const

export class AlikeSpecs {
  /** By what is stored of them. */
  readonly #known = new Map<string, TaskSpec>()

  /** The one that is stored as these bytes; what `read` makes of them if none is known. Throws what that throws. */
  of(bytes: Uint8Array, read: () => TaskSpec): TaskSpec {
    if (bytes.length > alikeSpecsLimits.specBytesMax) return read()
    const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const spec = read()
    if (this.#known.size >= alikeSpecsLimits.specsMax) this.#known.delete(this.#known.keys().next().value as string)
    this.#known.set(name, spec)
    return spec
  }
}
