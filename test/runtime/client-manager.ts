/** A manager for the tests of the client and the command line: it keeps tasks by hand and speaks the real protocol. */
import type { NodeView, TaskEvent, TaskView } from '../../actors/model.ts'
import { type ClientMessage, type ClientReplies, type ClientReply, clientLimits } from '../../actors/protocol/client.ts'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { frameLimits, subprotocols } from '../../actors/protocol/frame.ts'
import type { Connection, Listener } from '../../transport/transport.ts'
import { createWebsocketTransport } from '../../transport/websocket.ts'

const { frameBytesMax, frameDepthMax, sendBufferBytesMax } = frameLimits
export const transport = createWebsocketTransport({
  limits: { frameBytesMax, frameDepthMax, sendBufferBytesMax, sendBufferBytesHigh: sendBufferBytesMax / 4 },
})

export const token = 'a-token-for-tests'

interface Session {
  readonly connection: Connection
  readonly subscriptions: Map<number, { topic: 'tasks' | 'events'; taskId: string }>
  readonly logs: Map<number, LogStream>
  send(reply: ClientReply): void
}

interface LogStream {
  readonly key: string
  readonly follow: boolean
  at: number
  credit: number
  ended: boolean
}

interface Chunk {
  readonly stream: 'stdout' | 'stderr'
  readonly data: Uint8Array
}

type Answer = (message: ClientMessage & { req: number }, session: Session) => ClientReply | 'silence' | undefined

export class FakeManager {
  readonly tasks = new Map<string, TaskView>()
  readonly events: TaskEvent[] = []
  readonly nodes: NodeView[] = []
  readonly received: ClientMessage[] = []
  readonly specs = new Map<string, unknown>()
  /** Runs before the usual answer; `undefined` leaves it to that. */
  answer: Answer = () => undefined
  /** What comes of any task that is planned. */
  plan: Omit<ClientReplies['Planned'], 'type' | 'req'> = {
    ...{ node: null, nodeId: null, why: 'no node has registered', ahead: 0, decisions: [] },
  }
  logId = 'log-1'
  revision = 0
  address = ''
  /** Bytes of output sent and not credited, at most, of any stream. */
  mostUncredited = 0
  readonly #outputs = new Map<string, { chunks: Chunk[]; ended: boolean }>()
  readonly #sessions = new Set<Session>()
  #listener: Listener | undefined

  static async start(): Promise<FakeManager> {
    const manager = new FakeManager()
    await manager.listen('127.0.0.1:0')
    return manager
  }

  async listen(address = this.address.replace('ws://', '')): Promise<void> {
    this.#listener = await transport.listen(address, {
      protocols: subprotocols,
      onConnection: (connection) => this.#open(connection),
    })
    this.address = this.#listener.address
  }

  /** As a crash or a restart looks to clients: the port is shut, and tasks and log are still there after `listen`. */
  async close(): Promise<void> {
    await this.#listener?.close()
    this.#listener = undefined
  }

  get sessions(): number {
    return this.#sessions.size
  }

  count(type: ClientMessage['type']): number {
    return this.received.filter((message) => message.type === type).length
  }

  /** Commits a change of a task, and one event of it. */
  commit(
    id: string,
    change: Partial<TaskView>,
    to: string,
    event: Record<string, unknown> & { type: string },
  ): TaskView {
    this.revision += 1
    const before = this.tasks.get(id)
    const task = { ...(before ?? freshTask(id)), ...change, revision: this.revision }
    this.tasks.set(id, task)
    const from = before ? [before.state, before.detail].filter(Boolean).join('.') : ''
    const entry = { revision: this.revision, taskId: id, atMs: Date.now(), event, from, to, attempt: task.attempt }
    this.events.push(entry)
    for (const session of this.#sessions) {
      for (const [req, { topic, taskId }] of session.subscriptions) {
        if (taskId !== id) continue
        const news = topic === 'tasks' ? { task } : { events: [entry] }
        session.send({ type: 'Delta', req, revision: this.revision, ...news })
      }
    }
    return task
  }

  /** The usual life of a task: placed and started. */
  start(id: string, attempt = 1): void {
    const node = { node: 'node-1', nodeId: 'n1', attempt }
    this.commit(id, { state: 'Scheduled', detail: 'Starting', ...node }, 'Scheduled.Starting', {
      type: 'Placed',
      nodeName: 'node-1',
    })
    this.commit(id, { state: 'Running', detail: '', startedAtMs: Date.now() }, 'Running', { type: 'Started' })
  }

  finish(id: string, exitCode: number): void {
    this.endOutput(id, this.tasks.get(id)?.attempt ?? 1)
    const ok = exitCode === 0
    this.commit(
      id,
      {
        state: ok ? 'Completed' : 'Failed',
        detail: '',
        outcome: ok ? 'succeeded' : 'exit',
        exitCode,
        finishedAtMs: Date.now(),
      },
      ok ? 'Completed' : 'Failed',
      { type: 'Exited', exitCode },
    )
  }

  write(id: string, attempt: number, stream: Chunk['stream'], data: string | Uint8Array): void {
    const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data
    this.#output(`${id}.${attempt}`).chunks.push({ stream, data: bytes })
    this.#pump()
  }

  endOutput(id: string, attempt: number): void {
    this.#output(`${id}.${attempt}`).ended = true
    this.#pump()
  }

  #output(key: string): { chunks: Chunk[]; ended: boolean } {
    const output = this.#outputs.get(key) ?? { chunks: [], ended: false }
    this.#outputs.set(key, output)
    return output
  }

  #pump(): void {
    for (const session of this.#sessions) for (const [req, log] of session.logs) this.#pumpOne(session, req, log)
  }

  #pumpOne(session: Session, req: number, log: LogStream): void {
    const output = this.#output(log.key)
    for (; log.at < output.chunks.length; log.at += 1) {
      const chunk = output.chunks[log.at] as Chunk
      if (chunk.data.byteLength > log.credit) return
      log.credit -= chunk.data.byteLength
      this.mostUncredited = Math.max(this.mostUncredited, clientLimits.logCreditBytes - log.credit)
      session.send({ type: 'Output', req, chunks: [chunk] })
    }
    if (log.ended || !(output.ended || !log.follow)) return
    log.ended = true
    session.logs.delete(req)
    session.send({ type: 'OutputEnded', req })
  }

  #open(connection: Connection): void {
    let welcomed = false
    const session: Session = {
      connection,
      subscriptions: new Map(),
      logs: new Map(),
      send: (reply) => void connection.send({ e: 1, m: [reply] }),
    }
    this.#sessions.add(session)
    connection.onClose = () => this.#sessions.delete(session)
    connection.onFrame = (frame) => {
      for (const message of (frame as { m: ClientMessage[] }).m) {
        this.received.push(message)
        if (message.type !== 'ClientHello') {
          if (welcomed) this.#take(message, session)
          continue
        }
        welcomed = message.token === token
        if (welcomed) session.send({ type: 'ClientWelcome', version: '0', clusterId: 'c', logId: this.logId, epoch: 1 })
        else connection.close(closeCodes.unauthorized, 'wrong token')
      }
    }
  }

  #take(message: ClientMessage, session: Session): void {
    if (message.type === 'ClientHello') return
    if (message.type === 'CreditOutput') {
      const log = session.logs.get(message.stream)
      if (!log) return
      log.credit += message.bytes
      this.#pumpOne(session, message.stream, log)
      return
    }
    const reply = this.answer(message, session) ?? this.#usual(message, session)
    if (reply !== 'silence') session.send(reply)
  }

  #usual(
    message: Exclude<ClientMessage, { type: 'ClientHello' | 'CreditOutput' }>,
    session: Session,
  ): ClientReply | 'silence' {
    const { req } = message
    switch (message.type) {
      case 'SubmitTask': {
        const existing = this.tasks.has(message.taskId)
        this.specs.set(message.taskId, message.spec)
        if (!existing) this.commit(message.taskId, {}, 'Pending.Queued', { type: 'Submitted' })
        return { type: 'Submitted', req, existing, task: this.tasks.get(message.taskId) as TaskView }
      }
      case 'PlanTask':
        return { type: 'Planned', req, ...this.plan }
      case 'QueryTasks':
        return this.#query(message.req, message.filter?.ids)
      case 'QueryNodes':
        return { type: 'Nodes', req, revision: this.revision, items: this.nodes }
      case 'DrainNode':
      case 'UndrainNode':
      case 'RemoveNode':
        return this.#node(message)
      case 'BackupStore':
        return { type: 'BackupMade', req, revision: this.revision, entries: this.tasks.size }
      case 'Unsubscribe':
        session.subscriptions.delete(message.stream)
        session.logs.delete(message.stream)
        return { type: 'Ok', req }
      case 'Subscribe':
        return this.#subscribe(message, session)
    }
    const task = this.#find(message.taskId)
    if (!task) return notFound(req, message.taskId)
    switch (message.type) {
      case 'RerunTask': {
        const made = this.commit(message.newTaskId, { rerunOf: task.id }, 'Pending.Queued', { type: 'Submitted' })
        return { type: 'Submitted', req, existing: false, task: made }
      }
      case 'StopTask':
        return { type: 'StopAccepted', req, alreadyFinal: task.outcome !== null, task }
      case 'ExplainTask': {
        const events = this.events.filter(({ taskId }) => taskId === task.id)
        const spec = { driver: 'process' as const, command: ['true'] }
        return { type: 'Explanation', req, task, spec, decision: null, attempts: [], events, timers: [] }
      }
      case 'ReadLogs': {
        const key = `${task.id}.${message.attempt ?? task.attempt}`
        const log = { key, follow: message.follow, at: 0, credit: clientLimits.logCreditBytes, ended: false }
        session.logs.set(req, log)
        this.#pumpOne(session, req, log)
        return 'silence'
      }
    }
  }

  #node({ type, req, node: name }: Extract<ClientMessage, { node: string }>): ClientReply {
    const at = this.nodes.findIndex((node) => node.name === name)
    const node = this.nodes[at]
    if (node === undefined)
      return { type: 'Error', req, code: 'NotFound', message: `no node ${name}`, retryable: false }
    if (type === 'RemoveNode') {
      this.nodes.splice(at, 1)
      return { type: 'Ok', req }
    }
    const changed = { ...node, draining: type === 'DrainNode' }
    this.nodes.splice(at, 1, changed)
    return { type: 'NodeChanged', req, node: changed }
  }

  #query(req: number, ids: readonly string[] | undefined): ClientReply {
    if (!ids) return { type: 'Tasks', req, revision: this.revision, items: [...this.tasks.values()] }
    const items: TaskView[] = []
    for (const id of ids) {
      const task = this.#find(id)
      if (!task) return notFound(req, id)
      items.push(task)
    }
    return { type: 'Tasks', req, revision: this.revision, items }
  }

  #find(prefix: string): TaskView | undefined {
    return this.tasks.get(prefix) ?? [...this.tasks.values()].find(({ id }) => id.startsWith(prefix))
  }

  #subscribe(message: Extract<ClientMessage, { type: 'Subscribe' }>, session: Session): ClientReply | 'silence' {
    const { req, topic, from } = message
    const [id = ''] = message.filter?.ids ?? []
    const task = this.#find(id)
    if (!task || (topic !== 'tasks' && topic !== 'events')) return notFound(req, id)
    session.subscriptions.set(req, { topic, taskId: task.id })
    const events = this.events.filter(({ taskId }) => taskId === task.id)
    if (typeof from === 'object' && from.logId === this.logId) {
      for (const entry of events) {
        if (entry.revision <= from.revision) continue
        if (topic === 'events') session.send({ type: 'Delta', req, revision: entry.revision, events: [entry] })
        else if (entry.revision === task.revision) session.send({ type: 'Delta', req, revision: entry.revision, task })
      }
      return 'silence'
    }
    if (typeof from === 'object') session.send({ type: 'Reset', req, reason: 'another log' })
    const news = topic === 'tasks' ? { tasks: [task] } : { events }
    return { type: 'Snapshot', req, logId: this.logId, revision: this.revision, ...news }
  }
}

const notFound = (req: number, id: string): ClientReply => ({
  type: 'Error',
  req,
  code: 'NotFound',
  message: `There is no task ${id}; see "troupe status --all".`,
  retryable: false,
})

export const freshTask = (id: string): TaskView => ({
  id,
  name: id,
  state: 'Pending',
  detail: 'Queued',
  driver: 'process',
  node: null,
  nodeId: null,
  attempt: 0,
  restarts: 0,
  exitCode: null,
  signal: null,
  outcome: null,
  reason: null,
  image: null,
  command: ['true'],
  labels: {},
  reserved: { cpus: 0.1, memoryBytes: 64 * 1_024 * 1_024 },
  rerunOf: null,
  createdAtMs: Date.now(),
  scheduledAtMs: null,
  startedAtMs: null,
  finishedAtMs: null,
  revision: 0,
})

/** Polls until it holds. */
export async function eventually(what: string, holds: () => boolean, withinMs = 30_000): Promise<void> {
  const deadline = performance.now() + withinMs
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
