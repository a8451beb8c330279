/**
 * The files of a process driver's folder. The spawner writes them, and drivers read the output:
 *
 *     spawner.lock  spawner.sock  spawner.log
 *     attempts/<task>.<n>/intent            made and synced before the fork: with it, no start is ever tried again
 *                         started           which process it is
 *                         end               how it ended
 *                         stdout stderr     written by the task itself, always appending
 *                         stdout.from …     where the kept part of a long output begins; before it is a hole
 *     output/<cluster>/<task>.<n>.stdout …  what is kept once an attempt was removed
 *                      <task>.<n>.stdout.from …   how much of the stream came before it, if that is not kept
 *     trash/                                what is being removed
 */
import { constants, renameSync, writeFileSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export const streams = ['stdout', 'stderr'] as const
export type StreamName = (typeof streams)[number]

/** That a start was decided on, and whose it is. */
export interface Intent {
  readonly clusterId: string
  readonly nodeId: string
  /** The boot of the machine that it was decided in. */
  readonly bootId: string
  readonly atMs: number
}

/** A process for ever: a pid comes back, but not with the same start on the same boot. */
export interface Started {
  readonly bootId: string
  readonly pid: number
  /** Field 22 of /proc/<pid>/stat. */
  readonly startTicks: number
  readonly atMs: number
}

export type AttemptEnded =
  | { readonly kind: 'exited'; readonly exitCode: number; readonly signal?: string; readonly atMs: number }
  | {
      readonly kind: 'startFailed'
      readonly code: string
      readonly message: string
      readonly retryable: boolean
      readonly atMs: number
    }
  | { readonly kind: 'lost'; readonly message: string; readonly atMs: number }

/** Where the files of one attempt are. `dir` is the driver's folder. */
export class AttemptFolder {
  readonly dir: string
  readonly name: string
  readonly path: string

  constructor(dir: string, name: string) {
    this.dir = dir
    this.name = name
    this.path = join(dir, 'attempts', name)
  }

  /** The output while the attempt is not removed. */
  output(stream: StreamName): string {
    return join(this.path, stream)
  }

  /** The output once it was removed; by cluster, for another cluster may use the same ids in the same folder. */
  keptOutput(stream: StreamName, clusterId: string): string {
    return join(this.dir, 'output', encodeURIComponent(clusterId), `${this.name}.${stream}`)
  }

  /** Says that a start will be tried. Rejects with EEXIST if that was said before. Survives a power cut. */
  async claim(intent: Intent): Promise<void> {
    await mkdir(this.path, { mode: 0o700 })
    const file = await open(join(this.path, 'intent'), constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600)
    try {
      await file.writeFile(JSON.stringify(intent))
      await file.sync()
    } finally {
      await file.close()
    }
    await syncFolder(this.path)
    await syncFolder(join(this.dir, 'attempts'))
  }

  /** The marker, or undefined if it is not there or was never finished: then nothing was forked either. */
  readIntent(): Promise<Intent | undefined> {
    return readRecord(join(this.path, 'intent'))
  }

  readStarted(): Promise<Started | undefined> {
    return readRecord(join(this.path, 'started'))
  }

  /** At once, so that not even a turn of this process lies between a fork and its record. */
  writeStarted(started: Started): void {
    const path = join(this.path, 'started')
    writeFileSync(`${path}.new`, JSON.stringify(started), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }

  readEnd(): Promise<AttemptEnded | undefined> {
    return readRecord(join(this.path, 'end'))
  }

  /** Writes the end whole or not at all, and synced. */
  async writeEnd(end: AttemptEnded): Promise<void> {
    const path = join(this.path, 'end')
    const file = await open(`${path}.new`, 'w', 0o600)
    try {
      await file.writeFile(JSON.stringify(end))
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
  }

  /** Where the kept part of a stream begins, in bytes. */
  async readFrom(stream: StreamName): Promise<number> {
    const [from = 0] = await readNumbers(`${this.output(stream)}.from`)
    return from
  }

  writeFrom(stream: StreamName, from: number): Promise<void> {
    return writeNumbers(`${this.output(stream)}.from`, [from])
  }

  /**
   * Once the attempt was removed: where in the stream the file begins that is left of it, and what the last `readFrom`
   * was, for those who have the file open that there was before.
   */
  async readKeptFrom(stream: StreamName, clusterId: string): Promise<{ from: number; holeUntil: number }> {
    const [from = 0, holeUntil = 0] = await readNumbers(`${this.keptOutput(stream, clusterId)}.from`)
    return { from, holeUntil }
  }

  writeKeptFrom(stream: StreamName, clusterId: string, from: number, holeUntil: number): Promise<void> {
    return writeNumbers(`${this.keptOutput(stream, clusterId)}.from`, [from, holeUntil])
  }

  /** Lets the folder vanish at one instant, so that a crash never leaves half of it, and then its bytes. */
  async discard(): Promise<void> {
    const gone = join(this.dir, 'trash', `${this.name}.${process.hrtime.bigint()}`)
    try {
      await rename(this.path, gone)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
    await rm(gone, { recursive: true, force: true })
  }
}

/** None if they were never written. */
async function readNumbers(path: string): Promise<number[]> {
  const text = await readFile(path, 'utf8').catch(() => '')
  return text.split(' ').map((number) => Number.parseInt(number, 10) || 0)
}

async function writeNumbers(path: string, numbers: readonly number[]): Promise<void> {
  await writeFile(`${path}.new`, numbers.join(' '), { mode: 0o600 })
  await rename(`${path}.new`, path)
}

/** A record as it was written, or undefined if it is missing or was cut short by a crash. */
async function readRecord<T>(path: string): Promise<T | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    return JSON.parse(text) as T
  } catch {
    return undefined
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
