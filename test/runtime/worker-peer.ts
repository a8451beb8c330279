/** The manager's end of a worker's session, scripted: it records what it hears and sends what a test tells it to. */
import { type AttemptKey, type AttemptStatus, attemptName, type TaskSpec } from '../../actors/model.ts'
import type { DesiredAttempt, ManagerMessage, WorkerMessage, WorkerMessages } from '../../actors/protocol/session.ts'
import type { MemoryTransport } from '../../transport/memory.ts'
import type { Connection, Listener } from '../../transport/transport.ts'

export const spec: TaskSpec = { driver: 'process', command: ['true'] }
export const key = (taskId: string, attempt = 1): AttemptKey => ({ taskId, attempt })

/** The manager's end: takes every connection, records what it hears, and sends what a test tells it to. */
export class FakeManager {
  readonly url = 'memory://manager:4747'
  readonly heard: WorkerMessage[] = []
  readonly frames: { readonly e?: number; readonly m: readonly WorkerMessage[] }[] = []
  readonly closes: { readonly code: number; readonly reason: string }[] = []
  connection: Connection | undefined
  sessions = 0
  epoch = 1
  clusterId = 'cluster-a'
  heartbeatMs = 1_000
  leaseMs = 10_000
  /** What is answered to a Hello; undefined = a Welcome and the complete desired state. */
  onHello: ((hello: WorkerMessages['WorkerHello']) => void) | undefined
  acknowledges = true
  answersHeartbeats = true
  readonly desired = new Map<string, DesiredAttempt>()
  seq = 0
  #listener: Listener | undefined

  async listen(transport: MemoryTransport): Promise<void> {
    this.#listener = await transport.listen('manager:4747', {
      protocols: ['troupe.v1.msgpack'],
      onConnection: (connection) => this.#onConnection(connection),
    })
  }

  async close(): Promise<void> {
    await this.#listener?.close()
  }

  send(...messages: ManagerMessage[]): void {
    this.connection?.send({ e: this.epoch, m: messages })
  }

  welcome(): void {
    const { clusterId, epoch, heartbeatMs, leaseMs } = this
    this.send(
      { type: 'Welcome', clusterId, sessionId: `s-${this.sessions}`, epoch, heartbeatMs, leaseMs },
      this.complete(),
    )
  }

  complete(): ManagerMessage {
    this.seq += 1
    return { type: 'Desired', seq: this.seq, complete: true, last: true, set: [...this.desired.values()], remove: [] }
  }

  want(key: AttemptKey, more: Partial<DesiredAttempt> = {}): void {
    const attempt = { ...key, action: 'run' as const, graceMs: 5_000, spec, ...more }
    this.desired.set(attemptName(key), attempt)
    this.#delta([attempt], [])
  }

  unwant(key: AttemptKey): void {
    this.desired.delete(attemptName(key))
    this.#delta([], [key])
  }

  /** The newest status heard of it. */
  status(key: AttemptKey): AttemptStatus | undefined {
    return this.statuses(key).at(-1)
  }

  statuses(key: AttemptKey): AttemptStatus[] {
    return this.heard
      .flatMap((message) => (message.type === 'Status' || message.type === 'WorkerHello' ? message.attempts : []))
      .filter((status) => attemptName(status) === attemptName(key))
  }

  of<T extends WorkerMessage['type']>(type: T): Extract<WorkerMessage, { type: T }>[] {
    return this.heard.filter((message) => message.type === type) as Extract<WorkerMessage, { type: T }>[]
  }

  #delta(set: DesiredAttempt[], remove: AttemptKey[]): void {
    if (this.connection === undefined) return
    this.seq += 1
    this.send({ type: 'Desired', seq: this.seq, complete: false, last: true, set, remove })
  }

  #onConnection(connection: Connection): void {
    this.connection = connection
    this.sessions += 1
    connection.onFrame = (frame) => {
      if (this.connection === connection) this.#onFrame(frame as FakeManager['frames'][number])
    }
    connection.onClose = (code, reason) => {
      this.closes.push({ code, reason })
      if (this.connection === connection) this.connection = undefined
    }
  }

  #onFrame(frame: FakeManager['frames'][number]): void {
    this.frames.push(frame)
    for (const message of frame.m) {
      this.heard.push(message)
      if (message.type === 'WorkerHello') {
        if (this.onHello === undefined) this.welcome()
        else this.onHello(message)
        this.#acknowledge(message.attempts)
      } else if (message.type === 'Status') {
        this.#acknowledge(message.attempts)
      } else if (message.type === 'Heartbeat' && this.answersHeartbeats) {
        this.send({ type: 'HeartbeatAck', seq: message.seq })
      } else if (message.type === 'DesiredGap') {
        this.send(this.complete())
      }
    }
  }

  #acknowledge(statuses: readonly AttemptStatus[]): void {
    if (!this.acknowledges || statuses.length === 0) return
    const attempts = statuses.map(({ taskId, attempt, seq, end }) => ({
      taskId,
      attempt,
      seq,
      ended: end !== undefined,
    }))
    this.send({ type: 'StatusAck', attempts })
  }
}
