/** What a manager does in office before it opens its door: loads what was stored. Everything derived follows from that. */

import type { TaskSpec } from '../../actors/model.ts'
import { nodeStanding } from '../../actors/node.ts'
import { standingOf } from '../../actors/standing.ts'
import type { TaskContext } from '../../actors/task.ts'
import type { ActorHost, HostedActor } from '../host/actor.ts'
import { keys, prefixes } from '../host/keys.ts'
import { type LoadedActor, loadActors } from '../host/load.ts'
import { decodeRecord } from '../host/record.ts'
import type { Logger } from '../logger.ts'
import type { Storage } from '../storage/storage.ts'
import type { Book } from './book.ts'
import type { Liveness } from './liveness.ts'
import type { Nodes } from './nodes.ts'

export interface RecoverOptions {
  readonly storage: Storage
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

async function recoverTasks({ storage, host, book, logger, setAside }: RecoverOptions): Promise<HostedActor[]> {
  const loadedTasks: LoadedActor[] = []
  for await (const loaded of loadActors(storage, prefixes.task, 'task')) {
    if (!('record' in loaded)) {
      logger.error(`set aside ${loaded.key}, which cannot be read: ${loaded.reason}; what runs of it is left alone`)
      setAside.add(loaded.key.slice(prefixes.task.length))
    } else if (!standingOf(loaded.snapshot).final) {
      loadedTasks.push(loaded)
    }
  }
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
