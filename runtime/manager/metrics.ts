/** A manager's numbers, read off its parts. The cost is one look at each live task and node. */
import { stateOf } from '../../actors/standing.ts'
import { pathOf } from '../../actors/step.ts'
import type { ActorHost } from '../host/actor.ts'
import type { Journal } from '../host/journal.ts'
import type { ManagerMetrics } from '../host/metrics.ts'
import type { Book } from './book.ts'
import type { ManagerDoor } from './door.ts'
import type { Nodes } from './nodes.ts'
import type { Outputs } from './outputs.ts'
import type { Placement } from './placement.ts'
import type { Streams } from './stream/streams.ts'
import type { Workers } from './workers.ts'

export interface MeasuredParts {
  readonly journal: Journal
  readonly host: ActorHost
  readonly placement: Placement
  readonly nodes: Nodes
  readonly book: Book
  readonly streams: Streams
  readonly outputs: Outputs
  readonly workers: Workers
  readonly door: ManagerDoor
}

export function managerMetrics(parts: MeasuredParts): ManagerMetrics {
  const { journal, host, placement, book, streams, outputs, workers, door } = parts
  const tasks = { Pending: 0, Scheduled: 0, Running: 0, Completed: 0, Failed: 0 }
  for (const { kind, snapshot } of host.actors.values()) {
    if (kind === 'task') tasks[stateOf(pathOf(snapshot.value)).state] += 1
  }
  const { Pending, Scheduled, Running } = tasks
  return {
    epoch: journal.epoch,
    revision: journal.revision,
    tasks: { Pending, Scheduled, Running },
    ended: { ...book.ended },
    queued: placement.waiting,
    decisions: placement.decisions,
    ...nodeMetrics(parts.nodes),
    connections: door.connections,
    clients: door.clients,
    workers: workers.count,
    subscriptions: streams.count,
    outputs: outputs.count,
    journal: journal.metrics(),
  }
}

function nodeMetrics(
  nodes: Nodes,
): Pick<ManagerMetrics, 'nodes' | 'draining' | 'offered' | 'reserved' | 'reservations'> {
  const states = { Unknown: 0, Ready: 0, Suspect: 0, Down: 0 }
  const offered = { cpus: 0, memoryBytes: 0 }
  const reserved = { cpus: 0, memoryBytes: 0 }
  let draining = 0
  let reservations = 0
  for (const node of nodes.views()) {
    states[node.state] += 1
    if (node.draining) draining += 1
    reservations += node.tasks
    offered.cpus += node.offered.cpus
    offered.memoryBytes += node.offered.memoryBytes
    reserved.cpus += node.reserved.cpus
    reserved.memoryBytes += node.reserved.memoryBytes
  }
  return { nodes: states, draining, offered, reserved, reservations }
}
