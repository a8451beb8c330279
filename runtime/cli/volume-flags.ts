/** The flags that say which files a task sees, and the mounts that come of them. */
import { Option } from 'commander'
import type { Tmpfs } from '../../actors/model.ts'
import { collect, parsing } from './command.ts'
import { UsageError } from './failure.ts'
import { parseMount, parseTmpfs } from './mount.ts'

export interface VolumeFlags {
  readonly mount?: readonly string[]
  readonly tmpfs?: readonly Tmpfs[]
  readonly readOnly?: boolean
}

export const volumeFlags: readonly Option[] = [
  new Option(
    '-v, --mount <source:target[:ro]>',
    'docker: a folder of the node, where a relative one is below this working directory; may be repeated',
  ).argParser(collect),
  new Option('--tmpfs <target[:size=size]>', 'docker: a file system in memory; may be repeated').argParser(
    (text: string, before: readonly Tmpfs[] = []) => [...before, parsing(parseTmpfs)(text)],
  ),
  new Option('--read-only', `docker: lock the container's own files; mounts and tmpfs can be written`),
]

export const flagOfVolume: Readonly<Record<string, string>> = {
  mounts: '--mount',
  tmpfs: '--tmpfs',
  readOnly: '--read-only',
}

/** Fields that were not given are undefined. Throws UsageError. */
export function volumesOf({ mount, tmpfs, readOnly }: VolumeFlags, cwd: string) {
  return { mounts: mount?.map((text) => mountOf(text, cwd)), tmpfs, readOnly }
}

function mountOf(text: string, cwd: string) {
  try {
    return parseMount(text, cwd)
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--mount ${error.message}.`) : error
  }
}
