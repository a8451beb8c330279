/** Mounts as people write them: `SOURCE:TARGET[:ro|:rw]`, and `TARGET[:size=SIZE]` for one in memory. */
import { isAbsolute, resolve } from 'node:path'
import type { Mount, TaskSpec, Tmpfs } from '../../actors/model.ts'
import { formatSize, parseSize } from './size.ts'

/** Throws RangeError with a sentence. `folder` is what a relative source is relative to; absolute. */
export function parseMount(text: string, folder: string): Mount {
  const match = /^([^:]+):(\/[^:]*)(?::(ro|rw))?$/.exec(text)
  if (!match) {
    throw new RangeError(`"${text}" is no mount; write SOURCE:TARGET or SOURCE:TARGET:ro, with an absolute TARGET`)
  }
  const [, source = '', target = '', mode] = match
  return { source: absoluteSource(source, folder), target, ...(mode === 'ro' ? { readOnly: true } : {}) }
}

/** The source of a mount as the wire takes it, which knows no working directory. Throws RangeError with a sentence. */
export function absoluteSource(source: string, folder: string): string {
  // To docker a word alone is the name of a volume.
  if (!/[/~]/.test(source) && source !== '.' && source !== '..') {
    throw new RangeError(`"${source}" is no mount: there are no volumes with names; write ./${source} for a folder`)
  }
  return absoluteFolder(source, folder)
}

/** The whole path of what people write for a folder. `within` is what a relative one is relative to. Throws RangeError. */
export function absoluteFolder(text: string, within: string): string {
  if (text === '') throw new RangeError('"" is no folder; write its path, or . for this one')
  if (isAbsolute(text)) return text
  if (text.startsWith('~')) {
    throw new RangeError(`"${text}" is for a shell to read, at the beginning of a word; write $HOME or the whole path`)
  }
  return resolve(within, text)
}

/** For people; undefined if there is nothing to say. */
export function mountsText({ mounts = [], tmpfs = [], readOnly }: TaskSpec): string | undefined {
  const texts = [
    ...mounts.map((mount) => `${mount.source}:${mount.target}${mount.readOnly ? ':ro' : ''}`),
    ...tmpfs.map(({ target, sizeBytes }) => `${target} in memory${sizeBytes ? ` (${formatSize(sizeBytes)})` : ''}`),
    ...(readOnly ? ['all else is read-only'] : []),
  ]
  return texts.length === 0 ? undefined : texts.join(', ')
}

/** Throws RangeError with a sentence. */
export function parseTmpfs(text: string): Tmpfs {
  const match = /^(\/[^:]*)(?::size=([^:,]+))?$/.exec(text)
  if (!match) throw new RangeError(`"${text}" is no tmpfs; write TARGET or TARGET:size=64m, with an absolute TARGET`)
  const [, target = '', size] = match
  return { target, ...(size === undefined ? {} : { sizeBytes: parseSize(size) }) }
}
