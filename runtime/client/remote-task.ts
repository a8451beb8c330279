/** The `TaskRef` of a task that a manager keeps. */
import type { Observer, Readable, Subscription } from 'xstate'
import type { TaskView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Logger } from '../logger.ts'
import { onAbort } from './abort.ts'
import type { CallOptions } from './asking.ts'
import type { EventStream, EventsOptions } from './event-stream.ts'
import type { TaskFeed } from './feed.ts'
import type { Watch } from './follow.ts'
import type { LogLine, LogsOptions } from './log-lines.ts'
import { snapshotOf, type TaskOutput, type TaskRefEvent, type TaskSnapshot } from './snapshot.ts'
import type { RerunOptions, StopOptions, Stopped, TaskRef } from './task-ref.ts'
import type { Explanation, Troupe } from './troupe.ts'

/** What a reference needs of the Troupe that it belongs to. */
export interface TaskHome extends Pick<Troupe, 'rerun' | 'explain'> {
  readonly feed: TaskFeed
  readonly logger: Logger
  stopTask(id: string, options: StopOptions): Promise<Stopped & Known>
  eventsOf(id: string, options: Omit<EventsOptions, 'filter'>): EventStream
  logsOf(ref: RemoteTask, options: LogsOptions): AsyncIterable<LogLine>
  /** Waits no longer than the options say. */
  within<T>(what: string, options: CallOptions, work: (signal: AbortSignal) => Promise<T>): Promise<T>
}

/** A state, and the log that its revision counts in. */
export interface Known {
  readonly view: TaskView
  readonly logId: string
}

// XState looks for it under this name where there is no such symbol; it is no symbol then, whatever its type says.
const observableKey: typeof Symbol.observable = ((Symbol as { observable?: symbol }).observable ??
  '@@observable') as typeof Symbol.observable

type Listener = Observer<TaskSnapshot>

export class RemoteTask implements TaskRef {
  readonly id: string
  readonly sessionId: string
  readonly src = 'task'
  readonly #home: TaskHome
  readonly #listeners = new Set<Listener>()
  #snapshot: TaskSnapshot
  #logId: string
  #unlisten: (() => void) | undefined

  constructor(home: TaskHome, { view, logId }: Known) {
    this.id = view.id
    this.sessionId = `troupe:${view.id}`
    this.#home = home
    this.#snapshot = snapshotOf(view)
    this.#logId = logId
  }

  getSnapshot = (): TaskSnapshot => this.#snapshot

  subscribe(observer: Listener): Subscription
  subscribe(
    next: (snapshot: TaskSnapshot) => void,
    error?: (error: unknown) => void,
    complete?: () => void,
  ): Subscription
  subscribe(
    first: Listener | ((snapshot: TaskSnapshot) => void),
    error?: (error: unknown) => void,
    complete?: () => void,
  ): Subscription {
    const listener: Listener =
      typeof first === 'function'
        ? { next: first, ...(error ? { error } : {}), ...(complete ? { complete } : {}) }
        : { ...bound(first) }
    if (this.#snapshot.status === 'done') {
      guarded(() => listener.complete?.())
      return { unsubscribe() {} }
    }
    this.#listeners.add(listener)
    this.#unlisten ??= this.#home.feed.listen(this.id, {
      onView: (view, logId) => this.learn({ view, logId }),
      onEnd: (reason) => this.#fail(reason),
    })
    return {
      unsubscribe: () => {
        if (this.#listeners.delete(listener) && this.#listeners.size === 0) this.#rest()
      },
    }
  }

  select<T>(selector: (snapshot: TaskSnapshot) => T, equals: (a: T, b: T) => boolean = Object.is): Readable<T> {
    const get = () => selector(this.#snapshot)
    const subscribe = (
      first: Observer<T> | ((value: T) => void),
      error?: (error: unknown) => void,
      complete?: () => void,
    ): Subscription => {
      const listener: Observer<T> =
        typeof first === 'function'
          ? { next: first, ...(error ? { error } : {}), ...(complete ? { complete } : {}) }
          : bound(first)
      let last = get()
      const next = (snapshot: TaskSnapshot) => {
        const value = selector(snapshot)
        if (equals(last, value)) return
        last = value
        listener.next?.(value)
      }
      return this.subscribe({ ...listener, next })
    }
    return { get, subscribe }
  }

  /** XState's `on`: each transition, under the name of its event. */
  on: TaskRef['on'] = (type, handler) => {
    const stream = this.events({ from: 'now', onReset: () => undefined })
    const listen = async () => {
      for await (const transition of stream) {
        const emitted = { type: transition.event.type, transition }
        // The type of the handler depends on a name that is known only here.
        if (type === '*' || type === emitted.type) guarded(() => handler(emitted as never))
      }
    }
    listen().catch((error: Error) => this.#home.logger.warn(`events of task ${this.id}: ${error.message}`))
    return { unsubscribe: () => stream.close() }
  }

  send = (event: TaskRefEvent): void => {
    if (event.type !== 'Stop') {
      throw remote(`send of ${String((event as { type?: unknown }).type)}`, 'a task takes only Stop from outside')
    }
    const grace = event.graceMs === undefined ? {} : { graceMs: event.graceMs }
    this.stop(grace).catch((error: Error) => this.#home.logger.warn(`stopping task ${this.id}: ${error.message}`))
  }

  stop = async (options: StopOptions = {}): Promise<Stopped> => {
    const { alreadyFinal, ...known } = await this.#home.stopTask(this.id, options)
    this.learn(known)
    return { alreadyFinal }
  }

  result(options: CallOptions = {}): Promise<TaskOutput> {
    return this.#home.within(`the end of task ${this.id}`, options, async (signal) => {
      const { output } = await this.#until((snapshot) => snapshot.status === 'done', signal)
      return output as TaskOutput
    })
  }

  rerun(options: RerunOptions = {}): Promise<TaskRef> {
    return this.#home.rerun(this.id, options)
  }

  logs(options: LogsOptions = {}): AsyncIterable<LogLine> {
    return this.#home.logsOf(this, options)
  }

  events(options: Omit<EventsOptions, 'filter'> = {}): EventStream {
    return this.#home.eventsOf(this.id, options)
  }

  explain(options: CallOptions = {}): Promise<Explanation> {
    return this.#home.explain(this.id, options)
  }

  /** States as the reader of its output waits for them. */
  watch(signal: AbortSignal): Watch {
    return { until: async (fits) => (await this.#until(({ context }) => fits(context), signal)).context }
  }

  start = (): never => {
    throw remote('start', 'it began when it was submitted; rerun() runs a final one again')
  }

  getPersistedSnapshot = (): never => {
    throw remote(
      'getPersistedSnapshot',
      'its manager keeps it on disk; getSnapshot() gives its state, and troupe.get(id) finds it',
    )
  }

  get system(): never {
    throw remote('system', 'it belongs to no actor system of this process; use the Troupe that gave it out')
  }

  toJSON(): unknown {
    return { xstate$$type: 1, id: this.id }
  }

  [observableKey](): this {
    return this
  }

  /** Takes a state that came from anywhere; one that is known, or older, changes nothing. */
  learn({ view, logId }: Known): void {
    const { status, context } = this.#snapshot
    if (status === 'done' || (logId === this.#logId && view.revision <= context.revision)) return
    this.#logId = logId
    const skipped = ranUnseen(context, view)
    if (skipped !== undefined) this.#tell(snapshotOf(skipped))
    this.#tell(snapshotOf(view))
    if (view.outcome === null) return
    for (const listener of this.#leave()) guarded(() => listener.complete?.())
  }

  #tell(snapshot: TaskSnapshot): void {
    this.#snapshot = snapshot
    for (const listener of [...this.#listeners]) guarded(() => listener.next?.(snapshot))
  }

  #fail(error: TroupeError): void {
    this.#unlisten = undefined
    const listeners = this.#leave()
    for (const listener of listeners) guarded(() => listener.error?.(error))
    if (listeners.some((listener) => listener.error !== undefined)) return
    this.#home.logger.warn(`task ${this.id} is heard no more: ${error.message}`)
  }

  #leave(): Listener[] {
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    this.#rest()
    return listeners
  }

  #rest(): void {
    this.#unlisten?.()
    this.#unlisten = undefined
  }

  #until(fits: (snapshot: TaskSnapshot) => boolean, signal: AbortSignal): Promise<TaskSnapshot> {
    if (fits(this.#snapshot)) return Promise.resolve(this.#snapshot)
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason as Error)
      const settle = (act: () => void) => {
        subscription.unsubscribe()
        forget()
        act()
      }
      const subscription = this.subscribe({
        next: (snapshot) => {
          if (fits(snapshot)) settle(() => resolve(snapshot))
        },
        error: (error) => settle(() => reject(error as Error)),
        // It is final, and will never fit: whoever waits asks for final ones as well.
        complete: () => queueMicrotask(() => settle(() => resolve(this.#snapshot))),
      })
      const forget = onAbort(signal, () => settle(() => reject(signal.reason as Error)))
    })
  }
}

/**
 * The state that was passed through so fast that its end was told with it: whoever waits for a task to run must not miss
 * that it did. Undefined if it was seen, or never was.
 */
function ranUnseen(before: TaskView, view: TaskView): TaskView | undefined {
  const wasSeen = before.state === 'Running' && before.attempt === view.attempt
  if (view.outcome === null || view.startedAtMs === null || wasSeen) return undefined
  const open = { outcome: null, exitCode: null, signal: null, reason: null, finishedAtMs: null }
  return { ...view, ...open, state: 'Running', detail: '' }
}

const bound = <T>(observer: Observer<T>): Observer<T> => ({
  ...(observer.next ? { next: (value: T) => observer.next?.(value) } : {}),
  ...(observer.error ? { error: (error: unknown) => observer.error?.(error) } : {}),
  ...(observer.complete ? { complete: () => observer.complete?.() } : {}),
})

/** A mistake in the application's own function is the application's to hear of, as XState has it, and stops nothing here. */
function guarded(call: () => void): void {
  try {
    call()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}

const remote = (what: string, instead: string): TroupeError =>
  new TroupeError('Invalid', `A task that runs elsewhere has no ${what}: ${instead}.`)
