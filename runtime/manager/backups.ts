/**
 * Backups: a copy of the store while it runs. A scan sees the store as of one moment and batches are whole, so the copy is
 * as consistent as what a crash at that moment would have left. It is marked as a copy, and is taken over by a new term only.
 */
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Clock } from '../clock.ts'
import type { Journal } from '../host/journal.ts'
import { keys } from '../host/keys.ts'
import { encodeRecord } from '../host/record.ts'
import { type Storage, StorageError } from '../storage/storage.ts'

type Entries = AsyncIterable<readonly [key: string, value: Uint8Array]>

/** Writes entries as a store of their own into a folder that is new or empty. Throws TroupeError, StorageError. */
export type WriteCopy = (dir: string, entries: Entries) => Promise<void>

export interface BackupsOptions {
  readonly storage: Storage
  readonly journal: Journal
  readonly clock: Clock
  readonly write: WriteCopy | undefined
}

export class Backups {
  readonly #options: BackupsOptions
  #isMaking = false
  #isStopping = false

  constructor(options: BackupsOptions) {
    this.#options = options
  }

  /** The manager is stopping, and does not wait for a copy. */
  stop(): void {
    this.#isStopping = true
  }

  /**
   * Resolves when the copy is whole and on disk. Throws `Conflict` (something is there), `Invalid` (nothing to copy),
   * `Overloaded` (another one is being made), `Unavailable` (it could not be written, or the manager
   * stops).
   */
  async make(dir: string): Promise<{ revision: number; entries: number }> {
    const { journal, storage, write } = this.#options
    if (write === undefined)
      throw new TroupeError('Invalid', 'this manager keeps nothing on disk: there is nothing to back up')
    if (this.#isMaking) throw new TroupeError('Overloaded', 'another backup is being made; try again when it is done')
    this.#isMaking = true
    try {
      await new Promise<void>((resolve) => journal.afterAll(resolve))
      const { revision } = journal
      const counted = { entries: 0 }
      await write(dir, this.#marked(storage.scan({}), revision, counted))
      return { revision, ...counted }
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      throw new TroupeError('Unavailable', `the backup could not be written: ${error.message}`, { cause: error })
    } finally {
      this.#isMaking = false
    }
  }

  async *#marked(
    entries: Entries,
    revision: number,
    counted: { entries: number },
  ): AsyncGenerator<readonly [string, Uint8Array]> {
    yield [keys.backup, encodeRecord({ revision, atMs: this.#options.clock.nowMs() })]
    for await (const entry of entries) {
      if (this.#isStopping) {
        throw new TroupeError('Unavailable', 'the manager is stopping, and the backup was left; make it again later')
      }
      counted.entries += 1
      yield entry
    }
  }
}
