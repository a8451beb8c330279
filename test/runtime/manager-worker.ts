/** A worker that does nothing by itself: it speaks the session's protocol by hand, and keeps what it was told. */
import { type AttemptEnd, type AttemptStatus, attemptName, type NodeRegistration } from '../../actors/model.ts'
import { subprotocols } from '../../actors/protocol/frame.ts'
import type {
  DesiredAttempt,
  ManagerMessage,
  ManagerMessages,
  WorkerMessage,
  WorkerMessages,
} from '../../actors/protocol/session.ts'
import type { Connection, Transport } from '../../transport/transport.ts'

export const token = 'a-token-for-tests'
export const url = 'ws://127.0.0.1:4747'

export interface WorkerTraits {
  readonly nodeId?: string
  readonly name?: string
  readonly incarnation?: string
  readonly cpus?: number
  readonly memoryBytes?: number
  readonly node?: Partial<NodeRegistration>
}

const exited = (exitCode: number): AttemptEnd => ({ kind: 'exited', exitCode })

export class ScriptedWorker {
  readonly nodeId: string
  readonly registration: NodeRegistration
  incarnation: string
  received: ManagerMessage[] = []
  closed: { code: number; reason: string } | undefined
  /** What it was told to have, as one keeps it who follows the chain; a gap is noted and not asked about. */
  readonly desired = new Map<string, DesiredAttempt>()
  gaps = 0
  /** The newest status of each attempt that it has told of. */
  readonly statuses = new Map<string, AttemptStatus>()
  #connection: Connection | undefined
  #seq: number | undefined
  #beats = 0
  #parts: DesiredAttempt[] = []

  constructor(traits: WorkerTraits = {}) {
    const { nodeId = 'n1', name = `name-${nodeId}`, incarnation = `i-${nodeId}`, cpus = 4 } = traits
    const { memoryBytes = 4 * 2 ** 30, node } = traits
    this.nodeId = nodeId
    this.incarnation = incarnation
    const resources = { cpus, memoryBytes }
    this.registration = { nodeId, name, resources, labels: {}, drivers: { process: 'complete' }, ...node }
  }

  get open(): boolean {
    return this.#connection !== undefined && this.closed === undefined
  }

  /** Dials, and says nothing yet. */
  async dial(transport: Transport): Promise<void> {
    const connection = await transport.connect(url, { protocols: subprotocols })
    this.#connection = connection
    this.received = []
    this.closed = undefined
    this.#seq = undefined
    this.#parts = []
    this.desired.clear()
    connection.onFrame = (frame) => {
      if (this.#connection !== connection) return
      for (const message of (frame as { m: ManagerMessage[] }).m) this.#take(message)
    }
    connection.onClose = (code, reason) => {
      if (this.#connection === connection) this.closed = { code, reason }
    }
  }

  hello(overrides: Partial<WorkerMessages['WorkerHello']> = {}): void {
    this.send({
      type: 'WorkerHello',
      version: '1',
      token,
      incarnation: this.incarnation,
      highestEpoch: 0,
      node: this.registration,
      attempts: [],
      ...overrides,
    })
  }

  send(...messages: WorkerMessage[]): void {
    this.#connection?.send({ m: messages })
  }

  close(): void {
    this.#connection?.close(1000, 'the test is done with it')
  }

  /** Reads no more, until `resume`. */
  pause(): void {
    this.#connection?.pause()
  }

  resume(): void {
    this.#connection?.resume()
  }

  beat(): void {
    this.#beats += 1
    this.send({ type: 'Heartbeat', seq: this.#beats })
  }

  /** Tells of an attempt: what it told before, and this as well. */
  report(name: string, news: Partial<AttemptStatus>): AttemptStatus {
    const [taskId = '', attempt = '1'] = name.split('.')
    const before = this.statuses.get(name)
    const status: AttemptStatus = {
      taskId,
      attempt: Number(attempt),
      reserved: { cpus: 0.1, memoryBytes: 2 ** 26 },
      ...before,
      seq: (before?.seq ?? 0) + 1,
      ...news,
    }
    this.statuses.set(name, status)
    this.send({ type: 'Status', attempts: [status] })
    return status
  }

  started(name: string): void {
    this.report(name, { startedAtMs: 1_700_000_000_000 })
  }

  exited(name: string, exitCode = 0): void {
    this.report(name, { startedAtMs: 1_700_000_000_000, endedAtMs: 1_700_000_001_000, end: exited(exitCode) })
  }

  /** All messages of one type, in order. */
  all<T extends ManagerMessage['type']>(type: T): ManagerMessages[T][] {
    return this.received.filter((message) => message.type === type) as ManagerMessages[T][]
  }

  /** `taskId.attempt:seq` of each acknowledgement, in order. */
  get acknowledged(): string[] {
    return this.all('StatusAck').flatMap(({ attempts }) => attempts.map((key) => `${attemptName(key)}:${key.seq}`))
  }

  /** `taskId.attempt action`, sorted. */
  get wishes(): string[] {
    return [...this.desired.values()].map((wish) => `${attemptName(wish)} ${wish.action}`).sort()
  }

  #take(message: ManagerMessage): void {
    this.received.push(message)
    if (message.type !== 'Desired') return
    if (message.complete) {
      this.#parts.push(...message.set)
      if (!message.last) return
      this.desired.clear()
      for (const wish of this.#parts) this.desired.set(attemptName(wish), wish)
      this.#parts = []
    } else {
      if (this.#seq === undefined || message.seq !== this.#seq + 1) this.gaps += 1
      for (const wish of message.set) this.desired.set(attemptName(wish), wish)
      for (const key of message.remove) this.desired.delete(attemptName(key))
    }
    this.#seq = message.seq
  }
}
