/** What a manager does in office before it opens its door: loads what was stored. Everything derived follows from that. */

import type { TaskSpec } from '../../actors/model.ts'
import { nodeStanding } from '../../actors/node.ts'
import { standingOf } from '../../actors/standing.ts'
import type { TaskContext } from '../../actors/task.ts'
import type { ActorHost, HostedActor } from '../host/actor.ts'
import type { Journal } from '../host/journal.ts'
import { endOf, keys, prefixes } from '../host/keys.ts'
import { type LoadedActor, loadActors, readActor, type UnreadableRecord } from '../host/load.ts'
import { decodeRecord, encodeRecord, RecordError } from '../host/record.ts'
import type { Logger } from '../logger.ts'
import type { Storage, StorageOp } from '../storage/storage.ts'
import type { Book } from './book.ts'
import type { Liveness } from './liveness.ts'
import type { Nodes } from './nodes.ts'

const recoverLimits = {
  /** Operations in one unit of the index of what is live, when it is made anew. */
  unitOps: 60,
} as const

export interface RecoverOptions {
  readonly storage: Storage
  readonly journal: Journal
  /** Whether `live/` can be relied on; else every task's record is read, and it is made anew. */
  readonly isIndexed: boolean
  readonly host: ActorHost
  readonly book: Book
  readonly nodes: Nodes
  readonly liveness: Liveness
  readonly logger: Logger
  /** Takes the ids of the tasks that cannot be read: nobody knows what is wanted of them. */
  readonly setAside: Set<string>
}

/** Loads nodes and live tasks. Answers how many tasks are live. */
export async function recover(options: RecoverOptions): Promise<number> {
  await recoverNodes(options)
  const live = await recoverTasks(options)
  // A node whose record was set aside has a lease as well, or its tasks would stay Running for ever.
  for (const nodeId of options.book.occupied()) options.liveness.renew(nodeId)
  for (const actor of live) options.host.tell(actor.address, { type: 'Recovered' })
  options.nodes.resumeDrains()
  return live.length
}

async function recoverNodes({ storage, host, nodes, liveness, logger }: RecoverOptions): Promise<void> {
  for await (const loaded of loadActors(storage, prefixes.node, 'node')) {
    if (!('record' in loaded)) {
      logger.error(`set aside ${loaded.key}, which cannot be read: ${loaded.reason}; its worker will register again`)
      continue
    }
    host.adopt(loaded.key, 'node', loaded.snapshot, loaded.record)
    const actor = host.actors.get(loaded.key) as HostedActor
    nodes.load(actor)
    // Whatever was thought of it before: it has a full lease from now on.
    host.tell(loaded.key, { type: 'Recovered' })
    if (nodeStanding(actor.snapshot.value).state !== undefined) liveness.renew(loaded.key.slice(prefixes.node.length))
  }
}

async function recoverTasks(options: RecoverOptions): Promise<HostedActor[]> {
  const { storage, host, book, logger, setAside, isIndexed } = options
  const loadedTasks: LoadedActor[] = []
  // What has ended is not looked at: a start must not take longer because much was done before.
  for await (const loaded of isIndexed ? loadLive(storage) : loadActors(storage, prefixes.task, 'task')) {
    if (!('record' in loaded)) {
      logger.error(`set aside ${loaded.key}, which cannot be read: ${loaded.reason}; what runs of it is left alone`)
      setAside.add(loaded.key.slice(prefixes.task.length))
    } else if (!standingOf(loaded.snapshot).final) {
      loadedTasks.push(loaded)
    }
  }
  if (!isIndexed) await index(options, [...setAside, ...loadedTasks.map(({ key }) => key.slice(prefixes.task.length))])
  const since = ({ snapshot }: LoadedActor) => (snapshot.context as TaskContext).queuedAtMs
  loadedTasks.sort((a, b) => since(a) - since(b) || a.record.revision - b.record.revision)
  const live: HostedActor[] = []
  for (const { key, snapshot, record } of loadedTasks) {
    const taskId = key.slice(prefixes.task.length)
    const spec = await loadSpec(storage, taskId)
    if (typeof spec === 'string') {
      logger.error(`set aside ${key}: ${spec}; what runs of it is left alone`)
      setAside.add(taskId)
      continue
    }
    host.adopt(key, 'task', snapshot, record)
    const actor = host.actors.get(key) as HostedActor
    book.load(actor, spec)
    live.push(actor)
  }
  return live
}

/** The records of the tasks that have not ended. */
async function* loadLive(storage: Storage): AsyncGenerator<LoadedActor | UnreadableRecord> {
  for await (const [marker] of storage.scan({ gte: prefixes.live, lt: endOf(prefixes.live) })) {
    const key = keys.task(marker.slice(prefixes.live.length))
    const bytes = await storage.get(key)
    if (bytes === undefined) {
      yield { key, reason: 'it is missing' }
      continue
    }
    try {
      yield readActor(key, 'task', bytes)
    } catch (error) {
      yield { key, reason: error instanceof RecordError ? error.message : String(error) }
    }
  }
}

/**
 * Names what is live, for the next start. That it is whole is written last: a crash before that has it made anew, and a
 * name too many does no harm, for the record itself says whether it has ended.
 */
async function index({ storage, journal }: RecoverOptions, taskIds: readonly string[]): Promise<void> {
  const named = new Set(taskIds.map(keys.live))
  const ops: StorageOp[] = [...named].map((key) => ({ type: 'put', key, value: new Uint8Array(0) }))
  for await (const [key] of storage.scan({ gte: prefixes.live, lt: endOf(prefixes.live) })) {
    if (!named.has(key)) ops.push({ type: 'del', key })
  }
  ops.push({ type: 'put', key: keys.indexed, value: encodeRecord(journal.epoch) })
  for (let at = 0; at < ops.length; at += recoverLimits.unitOps) {
    journal.commit({ ops: ops.slice(at, at + recoverLimits.unitOps), actions: [] })
  }
}

/** Or, as a sentence, why it cannot be had. */
async function loadSpec(storage: Storage, taskId: string): Promise<TaskSpec | string> {
  const bytes = await storage.get(keys.spec(taskId))
  if (bytes === undefined) return 'its specification is missing'
  try {
    return decodeRecord(bytes) as TaskSpec
  } catch (error) {
    return `its specification cannot be read: ${(error as Error).message}`
  }
}
