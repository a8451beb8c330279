/**
 * How far what has ended was trimmed. Whoever reads the past asks here first, so that what is gone is said to be gone and
 * never looks as if it had not been.
 */
import { keys } from '../host/keys.ts'
import { readMeta } from '../host/load.ts'
import { encodeRecord, RecordError } from '../host/record.ts'
import type { Storage, StorageOp } from '../storage/storage.ts'

interface Stored {
  /** Tasks that ended in this revision or before may be gone. */
  readonly tasks: number
  /** Transitions of this revision or before may be gone. */
  readonly log: number
  /** When the newest of those was, in milliseconds since 1970. */
  readonly logAtMs: number
}

/** Each only ever rises, and does so before what it speaks of is deleted. */
export class Trims {
  #stored: Stored = { tasks: 0, log: 0, logAtMs: 0 }

  /** Tasks that ended in this revision or before may be gone. */
  get tasks(): number {
    return this.#stored.tasks
  }

  /** Transitions of this revision or before may be gone. */
  get log(): number {
    return this.#stored.log
  }

  /** When the newest transition was that is gone, in milliseconds since 1970; 0 = none is. */
  get logAtMs(): number {
    return this.#stored.logAtMs
  }

  /** What a manager of before has trimmed. One that cannot be read is as if nothing had been: what is gone is missed then. */
  async load(storage: Storage): Promise<void> {
    try {
      this.#stored = (await readMeta<Stored>(storage, keys.trimmed)) ?? this.#stored
    } catch (error) {
      if (!(error instanceof RecordError)) throw error
    }
  }

  /** From now on tasks that ended up to this revision count as gone. */
  raiseTasks(revision: number): void {
    this.#stored = { ...this.#stored, tasks: Math.max(this.tasks, revision) }
  }

  /** From now on transitions up to this revision count as gone. */
  raiseLog(revision: number, atMs: number): void {
    const logAtMs = Math.max(this.logAtMs, atMs)
    this.#stored = { ...this.#stored, log: Math.max(this.log, revision), logAtMs }
  }

  /** To be stored with what deletes up to there: `tasks` and `log` say how far that is, where it is not all. */
  op(upTo: { readonly tasks?: number; readonly log?: number }): StorageOp {
    return { type: 'put', key: keys.trimmed, value: encodeRecord({ ...this.#stored, ...upTo }) }
  }
}
