/**
 * What is kept of the output of attempts that were removed: an index of it, so that trimming looks at what goes and at
 * nothing else. It is made once, from the folder, and kept in step from then on; what is in it is in the order of its age.
 * It imports little, for the spawner of processes has it as well.
 */
import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { OutputRetention } from '../options.ts'

/** What is kept where nothing else is said. */
export const outputRetentionDefaults: OutputRetention = {
  ageMs: 7 * 24 * 3_600_000,
  attemptsMax: 10_000,
  bytesMax: 1_024 * 1_024 * 1_024,
}

export const keptOutputLimits = {
  /** Between two looks at whether something is too old, in milliseconds. */
  checkMs: 60_000,
  /**
   * What is kept of an attempt keeps one of the same name from being started for so long, in milliseconds. Later that is one
   * of another task: an id is free again 24 h after its task was trimmed, which is less than half of that behind the removal.
   */
  barsMs: 12 * 3_600_000,
  /** Files that are looked at together while the index is made. */
  statsAtOnce: 64,
} as const

/** The output of one attempt. */
export interface Kept {
  readonly bytes: number
  /** When it was put there, in milliseconds since 1970. */
  readonly atMs: number
}

export interface KeptOutputOptions {
  readonly retention: OutputRetention
  /** Everything that is there, in any order; more of one name counts together. */
  readonly find: () => AsyncIterable<readonly [name: string, kept: Kept]>
  /** Deletes it. What is gone already is no failure. */
  readonly remove: (name: string) => Promise<void>
  readonly nowMs: () => number
}

export class KeptOutput {
  readonly #options: KeptOutputOptions
  /** Oldest first. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0
  #loading: Promise<void> | undefined
  #trimming: Promise<void> | undefined

  constructor(options: KeptOutputOptions) {
    this.#options = options
  }

  /** How many attempts there is output of; without what was not found yet. */
  get size(): number {
    return this.#kept.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** It was put there just now. */
  note(name: string, bytes: number): void {
    const before = this.#kept.get(name)
    this.#kept.delete(name)
    this.#kept.set(name, { bytes, atMs: this.#options.nowMs() })
    this.#bytes += bytes - (before?.bytes ?? 0)
  }

  /** Deletes one of them, of whatever age. */
  async discard(name: string): Promise<void> {
    await this.#options.remove(name)
    this.#bytes -= this.#kept.get(name)?.bytes ?? 0
    this.#kept.delete(name)
  }

  /** Deletes what is too old or too much. Asked again while it is at it, it is one and the same. Rejects if a file cannot be deleted. */
  trim(): Promise<void> {
    this.#trimming ??= this.#trim().finally(() => {
      this.#trimming = undefined
    })
    return this.#trimming
  }

  async #trim(): Promise<void> {
    this.#loading ??= this.#load()
    await this.#loading.catch((error: unknown) => {
      // Looked for anew the next time.
      this.#loading = undefined
      throw error
    })
    const { remove } = this.#options
    for (const [name, kept] of this.#kept) {
      if (!this.#isTooMuch(kept)) return
      await remove(name)
      // It can have been put there anew meanwhile.
      if (this.#kept.get(name) !== kept) continue
      this.#kept.delete(name)
      this.#bytes -= kept.bytes
    }
  }

  #isTooMuch({ atMs }: Kept): boolean {
    const { retention, nowMs } = this.#options
    const { ageMs, attemptsMax, bytesMax } = retention
    return this.#kept.size > attemptsMax || this.#bytes > bytesMax || atMs + ageMs <= nowMs()
  }

  /** What was noted before all was found is newer than that. */
  async #load(): Promise<void> {
    const found = new Map<string, Kept>()
    for await (const [name, { bytes, atMs }] of this.#options.find()) {
      const before = found.get(name)
      found.set(name, { bytes: bytes + (before?.bytes ?? 0), atMs: Math.max(atMs, before?.atMs ?? 0) })
    }
    const noted = [...this.#kept]
    this.#kept.clear()
    this.#bytes = 0
    const old = [...found].filter(([name]) => !noted.some(([other]) => other === name))
    old.sort(([, a], [, b]) => a.atMs - b.atMs)
    for (const [name, kept] of [...old, ...noted]) {
      this.#kept.set(name, kept)
      this.#bytes += kept.bytes
    }
  }
}

/** What the file of a removed attempt says of a start under the same name: nothing is there, the same was removed, or an older task's. */
export async function leftoverAt(path: string, nowMs: number): Promise<'none' | 'same' | 'older'> {
  const info = await stat(path).catch(() => undefined)
  if (info === undefined) return 'none'
  return info.mtimeMs + keptOutputLimits.barsMs > nowMs ? 'same' : 'older'
}

/** Looks at the files of a folder, a few at a time: each that `nameOf` gives a name to. A folder that is not there is empty, and a file that vanishes is left out. */
export async function* keptFilesIn(
  dir: string,
  nameOf: (file: string) => string | undefined,
): AsyncGenerator<readonly [name: string, kept: Kept]> {
  const folder = await opendir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (folder === undefined) return
  let batch: (readonly [name: string, path: string])[] = []
  for await (const entry of folder) {
    const name = entry.isFile() ? nameOf(entry.name) : undefined
    if (name === undefined) continue
    batch.push([name, join(dir, entry.name)])
    if (batch.length < keptOutputLimits.statsAtOnce) continue
    yield* await look(batch)
    batch = []
  }
  yield* await look(batch)
}

async function look(batch: readonly (readonly [name: string, path: string])[]) {
  const found = await Promise.all(
    batch.map(async ([name, path]) => {
      const info = await stat(path).catch(() => undefined)
      return info === undefined ? [] : [[name, { bytes: info.size, atMs: info.mtimeMs }] as const]
    }),
  )
  return found.flat()
}
