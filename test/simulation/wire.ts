/** Listens in on every frame that is handed to a living process: for the trace, and for what only the wire shows. */
import type { ClientReply } from '../../actors/protocol/client.ts'
import type { ManagerMessage, WorkerMessage } from '../../actors/protocol/session.ts'
import type { Cluster } from './cluster.ts'
import type { LivingConnection } from './connection.ts'

type Message = ManagerMessage | WorkerMessage | ClientReply
type Frame = { readonly e?: number; readonly m: readonly Message[] }

export function watchWire({ world, network }: Pick<Cluster, 'world' | 'network'>): void {
  const revisions = new WeakMap<LivingConnection, Map<number, number>>()
  network.onFrame = (to, connection, frame) => {
    const { e, m } = frame as Frame
    world.count('frames')
    world.trace(to.name, `hears ${m.map(shortOf).join(', ')}${e === undefined ? '' : ` (epoch ${e})`}`)
    const seen = revisions.get(connection) ?? new Map<number, number>()
    revisions.set(connection, seen)
    for (const message of m)
      checkRevision(message, seen, (how) => world.violated('revisions rise', `${to.name}: ${how}`))
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
