/**
 * The newest state of every task that somebody listens to, over few subscriptions, across lost connections and restarts
 * of the manager. Tasks that begin to be listened to in one turn share a subscription (a lane) by their ids; when lanes
 * have become many they are joined. Whoever hears a state twice, from two lanes or after a cut, knows it by its revision.
 */
import type { TaskView } from '../../actors/model.ts'
import { clientLimits } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Counters } from './counters.ts'
import { Lane } from './lane.ts'
import type { Link } from './link.ts'

export const feedLimits = {
  /** Tasks in one subscription. */
  laneIdsMax: clientLimits.filterIdsMax,
  /** Lanes that are not full, past which they are joined: a connection has room for 256 streams. */
  looseLanesMax: 8,
} as const

export interface FeedListener {
  /** A state of the log with this id; perhaps one that is known. */
  onView(view: TaskView, logId: string): void
  /** No more comes: the task is unknown, or the connection was given up. */
  onEnd(error: TroupeError): void
}

interface Heard {
  readonly listeners: Set<FeedListener>
  lane: Lane | undefined
  newest: { readonly view: TaskView; readonly logId: string } | undefined
}

export class TaskFeed {
  readonly #link: Link
  readonly #counters: Counters
  readonly #heard = new Map<string, Heard>()
  readonly #lanes = new Set<Lane>()
  #fresh: string[] = []
  #closed = false

  constructor(link: Link, counters: Counters) {
    this.#link = link
    this.#counters = counters
  }

  /** Hears of a task, by its whole id, until the returned function is called. Never calls back in this turn. */
  listen(taskId: string, listener: FeedListener): () => void {
    const heard = this.#heard.get(taskId) ?? this.#begin(taskId)
    heard.listeners.add(listener)
    const { newest } = heard
    if (newest !== undefined) {
      queueMicrotask(() => {
        if (heard.listeners.has(listener)) listener.onView(newest.view, newest.logId)
      })
    }
    return () => {
      if (heard.listeners.delete(listener) && heard.listeners.size === 0) this.#forget(taskId, heard)
    }
  }

  /** Everyone who listens is told. */
  close(error: TroupeError): void {
    this.#closed = true
    for (const lane of this.#lanes) lane.close()
    this.#lanes.clear()
    this.#end([...this.#heard.keys()], error)
    this.#count()
  }

  #begin(taskId: string): Heard {
    const heard: Heard = { listeners: new Set(), lane: undefined, newest: undefined }
    this.#heard.set(taskId, heard)
    this.#counters.tasksHeard = this.#heard.size
    this.#fresh.push(taskId)
    if (this.#fresh.length === 1) queueMicrotask(() => this.#open())
    return heard
  }

  #forget(taskId: string, heard: Heard): void {
    if (this.#heard.get(taskId) !== heard) return
    this.#heard.delete(taskId)
    this.#counters.tasksHeard = this.#heard.size
    const { lane } = heard
    if (lane === undefined || !lane.drop(taskId)) return
    this.#lanes.delete(lane)
    this.#count()
  }

  /** Gives those that are listened to since the last turn their lanes. */
  #open(): void {
    const ids = this.#fresh.filter((id) => this.#heard.get(id)?.lane === undefined && this.#heard.has(id))
    this.#fresh = []
    if (this.#closed) {
      this.#end(ids, new TroupeError('Unavailable', 'The connection was closed by this client.'))
      return
    }
    this.#openLanes([...new Set(ids)])
    const loose = [...this.#lanes].filter((lane) => lane.size < feedLimits.laneIdsMax / 2)
    if (loose.length <= feedLimits.looseLanesMax) return
    // What they would have told meanwhile is in the snapshots of the new ones.
    const joined = loose.flatMap((lane) => lane.ids)
    for (const lane of loose) {
      lane.close()
      this.#lanes.delete(lane)
    }
    this.#openLanes(joined)
  }

  #openLanes(ids: readonly string[]): void {
    for (let at = 0; at < ids.length; at += feedLimits.laneIdsMax) {
      this.#openLane(ids.slice(at, at + feedLimits.laneIdsMax))
    }
    this.#count()
  }

  #openLane(ids: readonly string[]): void {
    const lane: Lane = new Lane(this.#link, ids, {
      onView: (view, logId) => this.#tell(view, logId),
      onReset: () => {
        this.#counters.resets += 1
      },
      onUnknown: (taskId, error) =>
        this.#end([taskId], error ?? new TroupeError('NotFound', `There is no task ${taskId}.`)),
      onSplit: () => {
        const all = lane.ids
        this.#lanes.delete(lane)
        this.#openLanes(all.slice(0, all.length / 2))
        this.#openLanes(all.slice(all.length / 2))
      },
      onEnd: (error) => {
        this.#lanes.delete(lane)
        this.#end(lane.ids, error)
      },
    })
    for (const id of ids) {
      const heard = this.#heard.get(id)
      if (heard !== undefined) heard.lane = lane
    }
    this.#lanes.add(lane)
    lane.open()
  }

  #tell(view: TaskView, logId: string): void {
    const heard = this.#heard.get(view.id)
    if (heard === undefined) return
    this.#counters.views += 1
    const { newest } = heard
    if (newest !== undefined && newest.logId === logId && newest.view.revision >= view.revision) return
    heard.newest = { view, logId }
    for (const listener of [...heard.listeners]) listener.onView(view, logId)
  }

  #end(ids: readonly string[], error: TroupeError): void {
    for (const id of ids) {
      const heard = this.#heard.get(id)
      if (heard === undefined) continue
      const listeners = [...heard.listeners]
      heard.listeners.clear()
      this.#forget(id, heard)
      for (const listener of listeners) listener.onEnd(error)
    }
  }

  #count(): void {
    this.#counters.subscriptions = this.#lanes.size
  }
}
