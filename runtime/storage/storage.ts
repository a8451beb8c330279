/**
 * The storage port: an ordered map from keys to bytes with atomic, optionally synced batches. Shaped so that a
 * replicated store fits later: every batch names the epoch it is written in, nothing assumes synchronous reads, and a
 * batch has at most `batchOpsMax` operations per unit of the caller's (a store may carry several units in one batch).
 */
export const storageLimits = {
  /** The largest value, in bytes. */
  valueBytesMax: 1_000_000,
  /** The longest key, in bytes of UTF-8. */
  keyBytesMax: 512,
} as const

/** One change of a batch. */
export type StorageOp =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

/** Which entries a scan gives. Keys are compared by their UTF-8 bytes. */
export interface ScanRange {
  /** Inclusive lower bound. */
  readonly gte?: string
  /** Exclusive lower bound. */
  readonly gt?: string
  /** Exclusive upper bound. */
  readonly lt?: string
  /** From the last to the first. */
  readonly reverse?: boolean
  /** At most this many entries. */
  readonly limit?: number
}

/** An ordered map from keys to bytes. `storageConformance` says what it must hold to. */
export interface Storage {
  /** What it can promise. */
  readonly supports: {
    /** What a synced batch wrote is still there after a crash of the process and the machine. */
    readonly durable: boolean
    /** Others may write to it as well, so that it must refuse older epochs itself. */
    readonly shared: boolean
  }
  /** The value, or undefined. The bytes are the caller's to keep. */
  get(key: string): Promise<Uint8Array | undefined>
  /**
   * All of it or none of it. With `sync`, resolves once it would survive a crash. Batches take effect in the order of
   * their calls, never before the call returns; keys and values are copied at the call. Rejects with StorageError; after
   * a rejection the caller must not go on (what reached the disk is unknown). A batch that is refused for what it asks
   * (`too-large`, `stale-epoch`, `closed`) has changed nothing.
   */
  batch(ops: readonly StorageOp[], options: { readonly sync: boolean; readonly epoch: number }): Promise<void>
  /**
   * Entries in the order of their keys' UTF-8 bytes, as of the moment of the call. May be read once, and should be read
   * to its end or left by `break`: a scan that nobody reads holds its snapshot until `close`, which ends it.
   */
  scan(range: ScanRange): AsyncIterable<readonly [key: string, value: Uint8Array]>
  /** Removes every key in [gte, lt). Not synced. */
  deleteRange(gte: string, lt: string, options: { readonly epoch: number }): Promise<void>
  /** Waits for what is under way, then lets go. Later calls reject with code `closed`. */
  close(): Promise<void>
}

/** A code exists only if an operator would act differently on it; the message says what to do next. */
export type StorageErrorCode =
  | 'locked' // another process holds the folder
  | 'permission' // the folder may not be read or written
  | 'full' // no space left on the device
  | 'newer-format' // written by a newer Troupe
  | 'damaged' // the store finds itself damaged
  | 'unsupported-platform' // no prebuilt binary here
  | 'stale-epoch' // a later epoch has written
  | 'too-large' // a key or value over its limit
  | 'closed'
  | 'io'

/** Why a store could not be opened, read or written. The message is one sentence with the next step. */
export class StorageError extends Error {
  override readonly name = 'StorageError'
  /** What to tell cases apart by. */
  readonly code: StorageErrorCode
  /** Whether the very same again can help: only where somebody else holds the folder, who may let go of it. */
  readonly retryable: boolean
  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.retryable = code === 'locked'
  }
}

/**
 * What every adapter refuses before it takes a batch: keys and values over `storageLimits`, as `too-large`. A key that
 * is not well-formed Unicode is a mistake in our own code, so it throws a plain TypeError: written as UTF-8 it would
 * become another key.
 */
export function checkOps(ops: readonly StorageOp[]): void {
  for (const op of ops) {
    checkKey(op.key)
    if (op.type === 'put' && op.value.byteLength > storageLimits.valueBytesMax) {
      throw new StorageError(
        'too-large',
        `The value of ${op.key.slice(0, 80)} has ${op.value.byteLength} bytes; at most ${storageLimits.valueBytesMax} fit. Store less in one record.`,
      )
    }
  }
}

const utf8 = new TextEncoder()

/** What Node 20 has, and the es2023 types lack. */
type Text = string & { isWellFormed(): boolean }

function checkKey(key: string): void {
  // A code unit takes at most three bytes, so that short keys need no encoding to be known as short.
  if (key.length * 3 > storageLimits.keyBytesMax) {
    const bytes = utf8.encode(key).byteLength
    if (bytes > storageLimits.keyBytesMax) {
      throw new StorageError(
        'too-large',
        `The key ${key.slice(0, 80)}… has ${bytes} bytes; at most ${storageLimits.keyBytesMax} fit. Use shorter ids.`,
      )
    }
  }
  if (!(key as Text).isWellFormed()) throw new TypeError(`the key ${JSON.stringify(key)} is not well-formed Unicode`)
}

/** The highest epoch that has written since the store was opened. */
export class EpochFloor {
  #epoch = Number.NEGATIVE_INFINITY

  /** Throws `stale-epoch` for one below a former one; else remembers it. */
  admit(epoch: number): void {
    if (epoch < this.#epoch) {
      throw new StorageError(
        'stale-epoch',
        `Epoch ${this.#epoch} has written to the store, so that epoch ${epoch} no longer may. End this process: another one has taken over.`,
      )
    }
    this.#epoch = epoch
  }
}

/** What any call after `close` rejects with. */
export function closedError(): StorageError {
  return new StorageError('closed', 'The store is closed; open it again to go on.')
}
