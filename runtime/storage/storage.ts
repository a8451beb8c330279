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

export type StorageOp =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

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

export interface Storage {
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
   * their calls. Rejects with StorageError; after a rejection the caller must not go on (what reached the disk is unknown).
   */
  batch(ops: readonly StorageOp[], options: { readonly sync: boolean; readonly epoch: number }): Promise<void>
  /** Entries in the order of their keys' UTF-8 bytes, as of the moment of the call. */
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

export class StorageError extends Error {
  override readonly name = 'StorageError'
  readonly code: StorageErrorCode
  constructor(code: StorageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
