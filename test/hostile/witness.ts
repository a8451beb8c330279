/**
 * An honest client beside the hostile ones. It submits one task after the other, follows them by three subscriptions, and
 * writes down whatever is not as it was promised.
 */
import type { NodeView, TaskEvent, TaskSpec } from '../../actors/model.ts'
import { type Client, connectClient } from '../../runtime/client/client.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { systemClock as clock, systemRandom as random } from '../../runtime/system.ts'
import type { Transport } from '../../transport/transport.ts'

const spec: TaskSpec = {
  ...{ driver: 'process', command: ['true'] },
  ...{ labels: { honest: 'yes' }, constraints: ['node=healthy'], cpus: 0.01, memoryBytes: 1 },
}
const filter = { labels: { honest: 'yes' } }

export class Witness {
  /** What was not as promised. */
  readonly complaints: string[] = []
  /** Tasks that it saw through from their submission to their end, by both subscriptions. */
  seenThrough = 0
  readonly #client: Client
  #revision = 0
  /** Where each task stands that it follows by its events. */
  readonly #paths = new Map<string, string>()
  readonly #ends = new Map<string, () => void>()
  #stopped = false
  #done: Promise<void> = Promise.resolve()

  static async open(url: string, token: string, transport: Transport): Promise<Witness> {
    const client = await connectClient({ ...{ url, token, transport, clock, random }, logger: silentLogger })
    const witness = new Witness(client)
    witness.#done = witness.#live()
    return witness
  }

  private constructor(client: Client) {
    this.#client = client
    void client.closed.then(({ code, reason }) => {
      if (!this.#stopped) this.#complain(`its connection was closed: ${code} ${reason}`)
    })
    const onEnd = ({ message }: Error) => {
      if (!this.#stopped) this.#complain(`a subscription ended: ${message}`)
    }
    const onReset = (reason: string) => this.#complain(`a subscription was reset: ${reason}`)
    const onDelta = ({ node }: { node?: NodeView }) => {
      if (node?.name === 'healthy' && node.state !== 'Ready') this.#complain(`its node is ${node.state}`)
    }
    client.subscribe({ topic: 'nodes', from: 'now' }, { onDelta, onEnd, onReset })
    client.subscribe(
      { topic: 'tasks', filter, from: 'now' },
      { onDelta: ({ task }) => this.#onTask(task), onEnd, onReset },
    )
    client.subscribe(
      { topic: 'events', filter, from: 'now' },
      { onDelta: ({ revision, events }) => this.#onEvents(revision, events ?? []), onEnd, onReset },
    )
  }

  /** Asks for these tasks as well, which others may spoil. */
  async submitAll(ids: readonly string[], more: Partial<TaskSpec>): Promise<void> {
    const { labels: _, ...plain } = spec
    for (let at = 0; at < ids.length; at += 100)
      await Promise.all(
        ids.slice(at, at + 100).map((id) => this.#client.submit(id, { ...plain, cpus: 0.0001, ...more })),
      )
  }

  async close(): Promise<void> {
    this.#stopped = true
    await this.#done
    await this.#client.close()
  }

  #complain(what: string): void {
    if (this.complaints.length < 20) this.complaints.push(what)
  }

  async #live(): Promise<void> {
    while (!this.#stopped) {
      const id = this.#client.newTaskId()
      // It is over when both subscriptions have told of its end.
      const over = Promise.all([this.#end(`${id} by its events`), this.#end(`${id} by its state`)])
      try {
        await this.#client.submit(id, spec)
        await within(over, `task ${id} has ended`)
        this.seenThrough += 1
      } catch (error) {
        this.#complain((error as Error).message)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  #end(name: string): Promise<void> {
    return new Promise((resolve) => this.#ends.set(name, resolve))
  }

  #over(name: string): void {
    this.#ends.get(name)?.()
    this.#ends.delete(name)
  }

  #onTask(task: { id: string; state: string; outcome: string | null } | undefined): void {
    if (task?.state === 'Failed') this.#complain(`task ${task.id} failed: ${task.outcome}`)
    if (task?.state === 'Completed') this.#over(`${task.id} by its state`)
  }

  #onEvents(revision: number, events: readonly TaskEvent[]): void {
    if (revision < this.#revision) this.#complain(`revision ${revision} after ${this.#revision}`)
    this.#revision = revision
    for (const { taskId, from, to } of events) {
      const before = this.#paths.get(taskId) ?? ''
      if (from !== before) this.#complain(`${taskId} went from ${from} to ${to}, and was ${before}`)
      if (to === 'Completed' || to === 'Failed') {
        this.#paths.delete(taskId)
        this.#over(`${taskId} by its events`)
      } else this.#paths.set(taskId, to)
    }
  }
}

async function within(over: Promise<unknown>, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain until ${what}`)), 60_000)
  })
  await Promise.race([over, late]).finally(() => clearTimeout(timer))
}
