/** A subscriber that speaks by hand, reads only when it is told to, and holds the stream to its promises as it goes. */
import { expect } from 'vitest'
import type { NodeView, TaskEvent, TaskView } from '../../actors/model.ts'
import type { LogPosition } from '../../runtime/client/subscription.ts'
import type { Connection } from '../../transport/transport.ts'
import { type RawEnd, type Rig, stateOf, token } from './manager-rig.ts'

interface Told {
  readonly type: string
  readonly req?: number
  readonly revision?: number
  readonly logId?: string
  readonly more?: boolean
  readonly task?: TaskView
  readonly tasks?: TaskView[]
  readonly events?: TaskEvent[]
  readonly node?: NodeView
  readonly nodes?: NodeView[]
  readonly id?: string
  readonly why?: string
  readonly reason?: string
}

export interface Asked {
  readonly topic: 'tasks' | 'events' | 'nodes' | 'logs'
  readonly filter?: Record<string, unknown>
  readonly from: 'now' | 'snapshot' | LogPosition
}

const isFinal = (task: TaskView): boolean => task.finishedAtMs !== null

export class StreamReader {
  readonly end: RawEnd
  /** The manager's end of the connection. */
  readonly theirs: Connection

  private constructor(end: RawEnd, theirs: Connection) {
    this.end = end
    this.theirs = theirs
  }

  /** `paused`: it reads nothing until its connection is resumed. */
  static async open(rig: Rig, asked: Asked, options: { paused?: boolean } = {}): Promise<StreamReader> {
    const end = await rig.raw()
    if (options.paused) end.connection.pause()
    end.connection.send({
      m: [
        { type: 'ClientHello', version: '1', token },
        { type: 'Subscribe', req: 1, ...asked },
      ],
    })
    await rig.settle()
    return new StreamReader(end, rig.accepted.at(-1) as Connection)
  }

  /** All that was told of the subscription, oldest first. */
  get told(): readonly Told[] {
    return this.end.received.filter(({ req }) => req === 1) as unknown as Told[]
  }

  /** As words: `snapshot a b`, `a Running`, `-a`, `mark`, `reset`. */
  get words(): string[] {
    return this.told.map((message) => {
      const { type, tasks = [], nodes = [], events = [], task, node } = message
      if (type === 'Snapshot') {
        const names = [...tasks.map(({ id }) => id), ...nodes.map(({ name }) => name), ...events.map(({ to }) => to)]
        return ['snapshot', ...names].join(' ')
      }
      if (type === 'Removed') return `-${message.id}${message.why === 'gone' ? ' gone' : ''}`
      if (task !== undefined) return `${task.id} ${stateOf(task)}`
      if (node !== undefined) return `${node.name} ${node.state} ${node.tasks}`
      return events.length > 0 ? events.map(({ taskId, to }) => `${taskId} ${to}`).join(', ') : type.toLowerCase()
    })
  }

  /** Where it would resume. */
  get position(): LogPosition {
    let at: LogPosition | undefined
    const { logId = '' } = (this.end.received.find(({ type }) => type === 'ClientWelcome') ?? {}) as { logId?: string }
    for (const { revision, more } of this.told) if (revision !== undefined && more !== true) at = { logId, revision }
    return at as LogPosition
  }

  /** The ends that it was told of, by task, as often as it was. */
  get finals(): string[] {
    const tasks = this.told.flatMap(({ task, tasks = [] }) => (task === undefined ? tasks : [task]))
    return tasks
      .filter(isFinal)
      .map(({ id }) => id)
      .sort()
  }

  /** No step back: revisions rise, and stand still only within a commit; no task is told in an older state than before. */
  expectInOrder(): void {
    let before = -1
    let open = false
    const seen = new Map<string, number>()
    for (const { type, revision = before, more = false, task, tasks = [] } of this.told) {
      if (type === 'Reset') before = -1
      else if (type !== 'Progress') {
        if (open) expect(revision).toBeGreaterThanOrEqual(before)
        else if (type === 'Mark') expect(revision).toBeGreaterThanOrEqual(before)
        else expect(revision).toBeGreaterThan(before)
        before = revision
        open = more
      }
      for (const view of task === undefined ? tasks : [task]) {
        expect(view.revision).toBeGreaterThan(seen.get(view.id) ?? -1)
        seen.set(view.id, view.revision)
      }
    }
  }
}
