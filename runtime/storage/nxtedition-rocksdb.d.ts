/** The part of `@nxtedition/rocksdb` 12.2.12 that we use; the package brings no types. */
declare module '@nxtedition/rocksdb' {
  interface RocksIterator {
    /** At most `size` entries; none at the end. Reads on a thread of its own. */
    nextv(size: number): Promise<[key: string, value: Uint8Array][]>
    /** Goes on from the first key that is not below `target`, also after a failure. */
    seek(target: string): void
    close(): Promise<void>
  }

  interface RocksBatch {
    /** Copies both at once. */
    _put(key: Uint8Array, value: Uint8Array, options: object): void
    _del(key: Uint8Array, options: object): void
    /** Writes on the calling thread, `sync` with its fdatasync. */
    write(options: { readonly sync: boolean }): Promise<void>
    close(): Promise<void>
  }

  interface RocksRange {
    readonly gte?: string
    readonly lt?: string
  }

  export class RocksLevel {
    constructor(location: string, options: Readonly<Record<string, unknown>>)
    /** The number of the last operation that was written; grows by one with each. */
    readonly sequence: number
    open(): Promise<void>
    close(): Promise<void>
    batch(): RocksBatch
    /** Range deletion on the calling thread, not synced. */
    clear(range: RocksRange): Promise<void>
    iterator(
      options: RocksRange & {
        readonly reverse: boolean
        readonly limit: number
        readonly highWaterMarkBytes: number
        readonly fillCache: boolean
      },
    ): RocksIterator
    /** Reads on the calling thread and throws what goes wrong. */
    _getManySync(
      keys: readonly string[],
      options: { readonly valueEncoding: 'buffer' },
    ): readonly (Uint8Array | undefined)[]
  }
}
