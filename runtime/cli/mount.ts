/** Mounts as people write them: `SOURCE:TARGET[:ro|:rw]`. */
import type { Mount } from '../../actors/model.ts'

/** Throws RangeError with a sentence. */
export function parseMount(text: string): Mount {
  const match = /^(\/[^:]*):(\/[^:]*)(?::(ro|rw))?$/.exec(text)
  if (!match) {
    throw new RangeError(`"${text}" is no mount; write SOURCE:TARGET or SOURCE:TARGET:ro, both absolute paths`)
  }
  const [, source = '', target = '', mode] = match
  return { source, target, ...(mode === 'ro' ? { readOnly: true } : {}) }
}
