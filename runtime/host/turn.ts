/**
 * A turn: everything that follows from one cause, stepped at once and made durable together. It collects what to store
 * and what to do afterwards.
 */
import type { StorageOp } from '../storage/storage.ts'
import type { Letter } from './mailbox.ts'

export class Turn {
  /** When it began, by the wall clock; every event in it bears this time. */
  readonly atMs: number
  /** The commit it belongs to. Taken late, for a turn that stores nothing has none. */
  readonly revision: () => number
  readonly letters: Letter[] = []
  /** Log entries written so far; numbers them within the revision. */
  logged = 0
  readonly ops: StorageOp[] = []
  /** Whether all that it stores so far may be taken back by a crash. */
  mayBeLost = true
  readonly actions: (() => void)[] = []
  /** Run after the last unit of the turn: replies and acknowledgements of the cause as a whole. */
  readonly closing: (() => void)[] = []
  /** Addresses whose records this turn must write, once, at its end. */
  readonly dirty = new Set<string>()

  constructor(atMs: number, nextRevision: () => number) {
    this.atMs = atMs
    let revision: number | undefined
    this.revision = () => {
      revision ??= nextRevision()
      return revision
    }
  }

  /** Steps another actor of the same journal within this turn, after what was told before. */
  tell(address: string, event: { readonly type: string }): void {
    this.letters.push({ address, event })
  }

  put(key: string, value: Uint8Array): void {
    this.mayBeLost = false
    this.ops.push({ type: 'put', key, value })
  }

  del(key: string): void {
    this.mayBeLost = false
    this.ops.push({ type: 'del', key })
  }

  /** As `del`, for what does no harm if a crash brings it back: nobody waits for the disk because of it. */
  drop(key: string): void {
    this.ops.push({ type: 'del', key })
  }

  /** Runs once the step that asks for it is durable: effects and news. */
  afterwards(action: () => void): void {
    this.actions.push(action)
  }

  /** Runs once everything that the turn's cause led to is durable: replies and acknowledgements. */
  finally(action: () => void): void {
    this.closing.push(action)
  }
}
