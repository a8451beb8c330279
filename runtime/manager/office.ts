/**
 * Taking office: the first thing that a manager does with its store. Whoever has raised the epoch, synced, is in office;
 * what bears a lower one is refused everywhere.
 */
import { TroupeError } from '../../actors/protocol/errors.ts'
import { endOf, formatVersion, keys, prefixes, revisionOf } from '../host/keys.ts'
import { loadActors, readMeta } from '../host/load.ts'
import { encodeRecord, RecordError } from '../host/record.ts'
import type { Random } from '../random.ts'
import { type Storage, StorageError, type StorageOp } from '../storage/storage.ts'

export interface OfficeOptions {
  readonly storage: Storage
  readonly random: Random
  readonly nowMs: number
  /** The store is a copy of the past: take over from whoever has gone on from it. */
  readonly newTerm: boolean
}

export interface Office {
  readonly clusterId: string
  readonly logId: string
  readonly epoch: number
  /** The epoch in which the store was last taken over as a copy; 0 = never. Attempts after it have greater numbers. */
  readonly term: number
  /** The last revision in the log. */
  readonly revision: number
  /** Whether `live/` names every task that has not ended. A Troupe of before does not keep it. */
  readonly isIndexed: boolean
}

/**
 * Raises the epoch, synced. A new term raises it above whatever the store's own past can have led to since it was copied.
 * Throws StorageError; `Conflict` for a backup without a new term.
 */
export async function takeOffice({ storage, random, nowMs, newTerm }: OfficeOptions): Promise<Office> {
  const format = await readMeta<number>(storage, keys.format)
  if (format !== undefined && format > formatVersion) {
    const message = `this data folder has format ${format}, from a newer Troupe, and this one knows ${formatVersion}; run the newer version`
    throw new StorageError('newer-format', message)
  }
  if (!newTerm && (await storage.get(keys.backup)) !== undefined) {
    const message =
      'this data folder is a backup or was repaired, and some of what has happened is not in it; once the manager that it was made of is gone for good, take over with --new-term'
    throw new TroupeError('Conflict', message)
  }
  const before = (await readMeta<number>(storage, keys.epoch)) ?? 0
  const epoch = newTerm ? Math.max(before + officeLimits.termStep, Math.floor(nowMs / 1_000)) : before + 1
  const term = newTerm ? epoch : ((await readMeta<number>(storage, keys.term)) ?? 0)
  const knownCluster = await readMeta<string>(storage, keys.cluster)
  const clusterId = knownCluster ?? random.id(12)
  const knownLog = newTerm ? undefined : await readMeta<string>(storage, keys.logId)
  const logId = knownLog ?? random.id(12)
  const put = (key: string, value: unknown): StorageOp => ({ type: 'put', key, value: encodeRecord(value) })
  // Only if whoever was in office before kept it as well, or nobody was.
  const isIndexed = knownCluster === undefined || (await indexedUpTo(storage)) === before
  const ops: StorageOp[] = [
    put(keys.format, formatVersion),
    put(keys.epoch, epoch),
    put(keys.cluster, clusterId),
    put(keys.logId, logId),
    ...(isIndexed ? [put(keys.indexed, epoch)] : []),
    ...(newTerm ? [put(keys.term, term), { type: 'del', key: keys.backup } as const] : []),
  ]
  await storage.batch(ops, { sync: true, epoch })
  return { clusterId, logId, epoch, term, revision: await lastRevision(storage), isIndexed }
}

/** What cannot be read is made anew. */
async function indexedUpTo(storage: Storage): Promise<number | undefined> {
  try {
    return await readMeta<number>(storage, keys.indexed)
  } catch (error) {
    if (error instanceof RecordError) return undefined
    throw error
  }
}

const officeLimits = {
  /** What a new term adds to the epoch at least; the seconds since 1970 are more, so that one copy can be restored twice. */
  termStep: 1_000_000,
  /** Revisions that are left out when the last one cannot be read: more than nodes alone ever take between two of tasks. */
  revisionGap: 2 ** 20,
} as const

/**
 * Every flush writes it down. If that cannot be read, the log knows every commit of a task and a node's record alone can
 * be newer; as one of those may be unreadable too, or removed, a gap is left. For a revision is never used twice.
 */
async function lastRevision(storage: Storage): Promise<number> {
  let revision = 0
  let gap = 0
  try {
    revision = (await readMeta<number>(storage, keys.revision)) ?? 0
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    gap = officeLimits.revisionGap
  }
  const scan = storage.scan({ gte: prefixes.log, lt: endOf(prefixes.log), reverse: true, limit: 1 })
  for await (const [key] of scan) revision = Math.max(revision, revisionOf(key))
  for await (const loaded of loadActors(storage, prefixes.node, 'node')) {
    if ('record' in loaded) revision = Math.max(revision, loaded.record.revision)
  }
  return revision + gap
}
