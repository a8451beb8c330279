/** What a manager does in office before it opens its door: loads what was stored. Everything derived follows from that. */

import type { TaskSpec } from '../../actors/model.ts'
import { nodeStanding } from '../../actors/node.ts'
import type { TaskContext } from '../../actors/task.ts'
import type { ActorHost, HostedActor } from '../host/actor.ts'
import type { Journal } from '../host/journal.ts'
import { endOf, keys, prefixes } from '../host/keys.ts'
import { type LoadedActor, loadActor, loadActors, type UnreadableRecord } from '../host/load.ts'
import { decodeRecord, encodeRecord } from '../host/record.ts'
import type { Logger } from '../logger.ts'
import type { Storage, StorageOp } from '../storage/storage.ts'
import type { AlikeSpecs } from './alike-specs.ts'
import type { Book } from './book.ts'
import type { Liveness } from './liveness.ts'
import type { Nodes } from './nodes.ts'

const recoverLimits = {
  /** Operations in one unit of the index of what is live, when it is made anew. */
  unitOps: 60,
  /** Records that are read at once, each with its specification. */
  pageRecords: 256,
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
  for (const actor of live) options.host.recover(actor)
  options.nodes.resumeDrains()
  return live.length
}

async function recoverNodes({ storage, host, nodes, liveness, logger }: RecoverOptions): Promise<void> {
  for await (const loaded of loadActors(storage, prefixes.node, 'node')) {
    if (!('record' in loaded)) {
      logger.error(`set aside ${loaded.key}, which cannot be read: ${loaded.reason}; its worker will register again`)
      continue
    }
    const actor = host.adopt(loaded.key, 'node', loaded.snapshot, loaded.record)
    nodes.load(actor)
    // Whatever was thought of it before: it has a full lease from now on.
    host.tell(loaded.key, { type: 'Recovered' })
    if (nodeStanding(actor.snapshot.value).state !== undefined) liveness.renew(loaded.key.slice(prefixes.node.length))
  }
}

interface LiveTask {
  readonly loaded: LoadedActor
  readonly spec: TaskSpec
}

const taskIdOf = ({ key }: { readonly key: string }): string => key.slice(prefixes.task.length)

async function recoverTasks(options: RecoverOptions): Promise<HostedActor[]> {
  const { storage, host, book, isIndexed } = options
  const tasks: LiveTask[] = []
  // What has ended is not looked at: a start must not take longer because much was done before.
  for await (const page of isIndexed ? livePages(storage) : pagesOf(loadActors(storage, prefixes.task, 'task'))) {
    await loadPage(options, page, tasks)
  }
  if (!isIndexed) await index(options, [...options.setAside, ...tasks.map(({ loaded }) => taskIdOf(loaded))])
  const since = ({ snapshot }: LoadedActor) => (snapshot.context as TaskContext).queuedAtMs
  tasks.sort(({ loaded: a }, { loaded: b }) => since(a) - since(b) || a.record.revision - b.record.revision)
  return tasks.map(({ loaded, spec }) => {
    const actor = host.adopt(loaded.key, 'task', loaded.snapshot, loaded.record)
    book.load(actor, spec)
    return actor
  })
}

/** Adds those of a page that are live, and sets aside what cannot be read. */
async function loadPage(
  { storage, book, logger, setAside }: RecoverOptions,
  page: readonly (LoadedActor | UnreadableRecord)[],
  tasks: LiveTask[],
): Promise<void> {
  const leave = (task: { readonly key: string }, why: string) => {
    logger.error(`set aside ${task.key}${why}; what runs of it is left alone`)
    setAside.add(taskIdOf(task))
  }
  const live: LoadedActor[] = []
  for (const loaded of page) {
    if (!('record' in loaded)) leave(loaded, `, which cannot be read: ${loaded.reason}`)
    else if (loaded.snapshot.status === 'active') live.push(loaded)
  }
  const read = await Promise.all(live.map((loaded) => storage.get(keys.spec(taskIdOf(loaded)))))
  for (const [at, loaded] of live.entries()) {
    const spec = specOf(read[at], book.alikeSpecs)
    if (typeof spec === 'string') leave(loaded, `: ${spec}`)
    else tasks.push({ loaded, spec })
  }
}

/** The records of the tasks that have not ended. */
async function* livePages(storage: Storage): AsyncGenerator<(LoadedActor | UnreadableRecord)[]> {
  for await (const page of pagesOf(storage.scan({ gte: prefixes.live, lt: endOf(prefixes.live) }))) {
    const stored = page.map(([marker]) => keys.task(marker.slice(prefixes.live.length)))
    const read = await Promise.all(stored.map((key) => storage.get(key)))
    yield stored.map((key, at) => {
      const bytes = read[at]
      return bytes === undefined ? { key, reason: 'it is missing' } : loadActor(key, 'task', bytes)
    })
  }
}

async function* pagesOf<T>(all: AsyncIterable<T>): AsyncGenerator<T[]> {
  let page: T[] = []
  for await (const one of all) {
    if (page.push(one) < recoverLimits.pageRecords) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
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

/** Or, as a clause, why it cannot be had. */
function specOf(bytes: Uint8Array | undefined, alike: AlikeSpecs): TaskSpec | string {
  if (bytes === undefined) return 'its specification is missing'
  try {
    return alike.of(bytes, () => decodeRecord(bytes) as TaskSpec)
  } catch (error) {
    return `its specification cannot be read: ${(error as Error).message}`
  }
}
