/** Listens in on every frame that is handed to a living process: for the trace, and for what only the wire shows. */
import type { ClientReply } from '../../actors/protocol/client.ts'
import type { ManagerMessage, WorkerMessage } from '../../actors/protocol/session.ts'
import { checkAcknowledged, checkDesired, checkReported, checkShown } from './checks/durability.ts'
import type { LivingConnection } from './connection.ts'
import type { Disk } from './disk.ts'
import type { Network } from './network.ts'
import type { World } from './world.ts'

type Message = ManagerMessage | WorkerMessage | ClientReply
type Frame = { readonly e?: number; readonly m: readonly Message[] }

export interface Wire {
  readonly world: World
  readonly network: Network
  /** The disk of a place, by its name. */
  readonly disk: (name: string) => Disk
  readonly manager: string
}

export function watchWire(wire: Wire): void {
  const { world, network } = wire
  const revisions = new WeakMap<LivingConnection, Map<number, number>>()
  network.onFrame = (to, connection, frame) => {
    const { e, m } = frame as Frame
    world.count('frames')
    world.trace(to.name, `hears ${m.map(shortOf).join(', ')}${e === undefined ? '' : ` (epoch ${e})`}`)
    const seen = revisions.get(connection) ?? new Map<number, number>()
    revisions.set(connection, seen)
    for (const message of m) {
      checkRevision(message, seen, (how) => world.violated('revisions rise', `${to.name}: ${how}`))
      checkStored(wire, message, connection.peer)
    }
  }
}

/** Whoever says something has stored it. */
function checkStored({ world, disk, manager }: Wire, message: Message, peer: string): void {
  if ('task' in message && message.task !== undefined) checkShown(world, disk(manager), message.task)
  if ('tasks' in message) for (const task of message.tasks ?? []) checkShown(world, disk(manager), task)
  if (message.type === 'Tasks') for (const task of message.items) checkShown(world, disk(manager), task)
  if (message.type === 'Desired') for (const attempt of message.set) checkDesired(world, disk(manager), attempt)
  if (message.type === 'Status' || message.type === 'WorkerHello') {
    const worker = disk(peer.split('~')[0] as string)
    for (const status of message.attempts) checkReported(world, worker, status)
  }
  if (message.type === 'StatusAck') {
    for (const ack of message.attempts) if (ack.ended) checkAcknowledged(world, disk(manager), ack)
  }
}

/** Within a subscription revisions rise strictly, whatever the reader makes of them. */
function checkRevision(message: Message, seen: Map<number, number>, violated: (how: string) => void): void {
  if (message.type === 'Reset') seen.delete(message.req)
  if (message.type !== 'Snapshot' && message.type !== 'Delta') return
  const before = seen.get(message.req) ?? -1
  if (message.revision <= before) violated(`${message.type} at ${message.revision} after ${before}`)
  seen.set(message.req, message.revision)
}

function shortOf(message: Message): string {
  if (message.type === 'Desired') {
    const set = message.set.map(({ taskId, attempt, action }) => `${action} ${taskId}.${attempt}`)
    const remove = message.remove.map(({ taskId, attempt }) => `no ${taskId}.${attempt}`)
    return `Desired #${message.seq}${message.complete ? ' complete' : ''} [${[...set, ...remove].join(', ')}]`
  }
  if (message.type === 'Status' || message.type === 'WorkerHello') {
    const all = message.attempts.map(
      ({ taskId, attempt, seq, end }) => `${taskId}.${attempt}#${seq}${end ? ' ended' : ''}`,
    )
    return `${message.type} [${all.join(', ')}]`
  }
  if (message.type === 'StatusAck') {
    return `StatusAck [${message.attempts.map(({ taskId, attempt, seq }) => `${taskId}.${attempt}#${seq}`).join(', ')}]`
  }
  if (message.type === 'Delta' || message.type === 'Submitted') {
    return `${message.type} ${message.task?.id ?? ''} ${message.task?.state ?? ''}`
  }
  return message.type
}
