/** How often a store was synced: RocksDB makes one call of fdatasync for each synced batch, and none for any other. */
import type { Storage } from '../../runtime/storage/storage.ts'

/** From now on counts the synced batches of a store; what it gives says how many there were so far. */
export function countSynced(storage: Storage): () => number {
  const { batch } = storage
  let synced = 0
  storage.batch = (ops, options) => {
    if (options.sync) synced += 1
    return batch.call(storage, ops, options)
  }
  return () => synced
}
