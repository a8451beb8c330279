/**
 * What a worker finds in its store when it starts: who it is, the highest epoch it has seen, and its attempts.
 */
import { formatVersion, keys, prefixes } from '../host/keys.ts'
import { type LoadedActor, loadActors, readMeta, type UnreadableRecord } from '../host/load.ts'
import { encodeRecord } from '../host/record.ts'
import type { Random } from '../random.ts'
import { type Storage, StorageError, type StorageOp } from '../storage/storage.ts'

/** Who a worker is, and whom it follows. The manager's part of it becomes known with the first Welcome. */
export interface Identity {
  readonly nodeId: string
  clusterId: string | undefined
  highestEpoch: number
}

export interface StoredWorker {
  readonly identity: Identity
  readonly attempts: readonly LoadedActor[]
  /** Records that are damaged or of a newer Troupe. They stay where they are. */
  readonly unreadable: readonly UnreadableRecord[]
  /** The highest that any attempt bears. */
  readonly revision: number
}

const nodeIdChars = 16

/** Reads the store; makes the nodeId, synced, the first time. Throws StorageError, and RecordError for damaged metadata. */
export async function openStore(storage: Storage, random: Random): Promise<StoredWorker> {
  const format = await readMeta<number>(storage, keys.format)
  if (format !== undefined && format > formatVersion) {
    const message = `this worker's data folder has format ${format}, from a newer Troupe, and this one knows ${formatVersion}; run the newer version`
    throw new StorageError('newer-format', message)
  }
  const highestEpoch = (await readMeta<number>(storage, keys.epoch)) ?? 0
  const clusterId = await readMeta<string>(storage, keys.cluster)
  const known = await readMeta<string>(storage, keys.node)
  const nodeId = known ?? random.id(nodeIdChars)
  if (known === undefined || format === undefined) {
    const put = (key: string, value: unknown): StorageOp => ({ type: 'put', key, value: encodeRecord(value) })
    const ops = [put(keys.format, formatVersion), put(keys.node, nodeId)]
    await storage.batch(ops, { sync: true, epoch: highestEpoch })
  }
  const attempts: LoadedActor[] = []
  const unreadable: UnreadableRecord[] = []
  for await (const loaded of loadActors(storage, prefixes.attempt, 'attempt')) {
    if ('snapshot' in loaded) attempts.push(loaded)
    else unreadable.push(loaded)
  }
  const revision = attempts.reduce((highest, { record }) => Math.max(highest, record.revision), 0)
  return { identity: { nodeId, clusterId, highestEpoch }, attempts, unreadable, revision }
}
