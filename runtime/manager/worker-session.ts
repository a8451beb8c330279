/**
 * One worker's session, seen by its manager: desired state goes down complete first and then in deltas, statuses are
 * acknowledged after the flush, heartbeats are answered.
 */
import type { AttemptKey, AttemptStatus } from '../../actors/model.ts'
import type { DesiredAttempt, ManagerMessage, ManagerMessages } from '../../actors/protocol/session.ts'
import type { Connection } from '../../transport/transport.ts'
import { Channel } from '../host/channel.ts'
import type { DesiredChange } from './desired.ts'

type Desired = ManagerMessages['Desired']
type Acknowledgement = ManagerMessages['StatusAck']['attempts'][number]

export const sessionLimits = {
  /** What the attempts in one message of desired state may weigh together, so that a frame can carry it. */
  desiredPartBytesMax: 1_024 * 1_024,
  /** Ids to keep in one message of it: less than that many bytes as well. */
  keepPartMax: 16_384,
  /** Statuses that one message acknowledges. */
  acknowledgedMax: 4_096,
} as const

export interface WorkerSessionOptions {
  readonly connection: Connection
  readonly nodeId: string
  readonly name: string
  readonly incarnation: string
  readonly sessionId: string
  readonly epoch: number
  readonly onRefused: (message: { readonly type: string }, error: Error) => void
}

export class WorkerSession {
  readonly nodeId: string
  readonly name: string
  readonly incarnation: string
  readonly sessionId: string
  readonly channel: Channel<ManagerMessage>
  /** Its Hello has been stored and it was welcomed. */
  welcomed = false
  #seq = 0
  #set = new Map<string, DesiredAttempt>()
  #remove = new Map<string, AttemptKey>()
  #acknowledged: Acknowledgement[] = []
  /** What waits its turn, in order; what changes meanwhile comes behind it. */
  #parts: Desired[] = []
  #inspect: ManagerMessages['Inspect'] | undefined
  #scheduled = false

  constructor(options: WorkerSessionOptions) {
    this.nodeId = options.nodeId
    this.name = options.name
    this.incarnation = options.incarnation
    this.sessionId = options.sessionId
    this.channel = new Channel({
      connection: options.connection,
      epoch: () => options.epoch,
      onRefused: options.onRefused,
    })
    this.channel.onDrain = () => this.#go()
  }

  /**
   * The whole desired state, in parts that fit a frame, and the tasks to leave alone. Deltas go on from it. A worker that
   * does not keep up gets the next part when it has read, and of what changes meanwhile only where it ended up.
   */
  sendComplete(attempts: readonly DesiredAttempt[], keep: readonly string[]): void {
    this.#set.clear()
    this.#remove.clear()
    this.#seq += 1
    const parts: Pick<Desired, 'set' | 'keep'>[] = portions(attempts).map((set) => ({ set }))
    const { keepPartMax } = sessionLimits
    for (let at = 0; at < keep.length; at += keepPartMax)
      parts.push({ set: [], keep: keep.slice(at, at + keepPartMax) })
    const seq = this.#seq
    this.#parts = parts.map((part, at) => {
      const last = at === parts.length - 1
      return { type: 'Desired', seq, complete: true, last, remove: [], ...part }
    })
    this.#go()
  }

  /** A durable change; those of one turn go as one delta. */
  change({ set, remove }: DesiredChange): void {
    if (!this.welcomed) return
    if (set !== undefined) {
      this.#set.set(nameOf(set), set)
      this.#remove.delete(nameOf(set))
    }
    if (remove !== undefined) {
      this.#set.delete(nameOf(remove))
      this.#remove.set(nameOf(remove), remove)
    }
    this.#schedule()
  }

  /** What it is to show. Of several that wait until it keeps up, the newest. */
  inspect(message: ManagerMessages['Inspect']): void {
    this.#inspect = message
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    queueMicrotask(() => {
      this.#scheduled = false
      this.#go()
    })
  }

  /** One part at a time: only the frame that carries it shows whether the worker keeps up. */
  #go(): void {
    this.#acknowledge()
    if (this.channel.held) return
    if (this.#inspect !== undefined) this.channel.send(this.#inspect)
    this.#inspect = undefined
    if (this.#parts.length === 0) this.#parts = this.#deltas()
    const part = this.#parts.shift()
    if (part === undefined) return
    this.channel.send(part)
    if (this.#parts.length > 0 || this.#set.size + this.#remove.size > 0) this.#schedule()
  }

  /** This status is stored; those of one turn are acknowledged together, before what is desired next. */
  acknowledge({ taskId, attempt, seq, end }: AttemptStatus): void {
    this.#acknowledged.push({ taskId, attempt, seq, ended: end !== undefined })
    this.#schedule()
  }

  #acknowledge(): void {
    const { acknowledgedMax } = sessionLimits
    while (this.#acknowledged.length > 0) {
      this.channel.send({ type: 'StatusAck', attempts: this.#acknowledged.splice(0, acknowledgedMax) })
    }
  }

  /** As many deltas as it takes for each to fit a frame. */
  #deltas(): Desired[] {
    if (this.#set.size + this.#remove.size === 0) return []
    const removed = [...this.#remove.values()]
    const deltas = portions([...this.#set.values()]).map((set, at): Desired => {
      this.#seq += 1
      const remove = at === 0 ? removed : []
      return { type: 'Desired', seq: this.#seq, complete: false, last: true, set, remove }
    })
    this.#set = new Map()
    this.#remove = new Map()
    return deltas
  }
}

const nameOf = (key: AttemptKey): string => `${key.taskId}.${key.attempt}`

/** Attempts in portions that fit a frame; at least one portion, which may be empty. */
function portions(attempts: readonly DesiredAttempt[]): DesiredAttempt[][] {
  let portion: DesiredAttempt[] = []
  const all = [portion]
  let bytes = 0
  for (const attempt of attempts) {
    // Characters for bytes: the limit leaves room for those that take three.
    const size = JSON.stringify(attempt).length
    if (portion.length > 0 && bytes + size > sessionLimits.desiredPartBytesMax) {
      portion = []
      all.push(portion)
      bytes = 0
    }
    portion.push(attempt)
    bytes += size
  }
  return all
}
