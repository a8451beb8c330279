/** A task as a reference that XState takes for one of its own: `waitFor`, `toPromise` and `useSelector` work on it. */
import type { ActorRef } from 'xstate'
import type { TaskEvent } from '../../actors/model.ts'
import type { CallOptions } from './asking.ts'
import type { EventStream, EventsOptions } from './event-stream.ts'
import type { LogLine, LogsOptions } from './log-lines.ts'
import type { TaskOutput, TaskRefEvent, TaskSnapshot } from './snapshot.ts'
import type { Explanation } from './troupe.ts'

/** What `on` tells: a transition of the task, under the name of the event that made it (`Started`, `Exited`, …). */
export interface TaskEmitted {
  /** The event's name, such as `Started` or `Exited`. */
  readonly type: string
  /** The transition, with the event's payload, its time, and the states before and after. */
  readonly transition: TaskEvent
}

/** How a task is asked to end. */
export interface StopOptions extends CallOptions {
  /** Between TERM and KILL, in milliseconds, 0 to 2^31 - 1; overrides the task's own. 0 kills at once. */
  readonly graceMs?: number
}

/** How a task is run again. */
export interface RerunOptions extends CallOptions {
  /** The id of the new task: `[a-z0-9][a-z0-9-]*`, at most 63 characters. Default: 12 random characters. */
  readonly id?: string
}

/** What came of the wish that a task end. */
export interface Stopped {
  /** There was nothing left to stop. */
  readonly alreadyFinal: boolean
}

/**
 * A task that runs somewhere else. It is an XState `ActorRef`: what is done with an actor by reading it can be done with
 * a task. What would need the actor here (`start`, `system`, `getPersistedSnapshot`, `send` of anything but `Stop`) throws
 * TroupeError `Invalid` with a sentence on what to do instead.
 */
export interface TaskRef extends ActorRef<TaskSnapshot, TaskRefEvent, TaskEmitted> {
  /** The task's id, for ever; `troupe.get(id)` finds it again. */
  readonly id: string
  /**
   * The newest state that this reference knows: that of the answer it came from, and of everything since while somebody
   * listens. Never undefined.
   */
  getSnapshot: () => TaskSnapshot
  /**
   * Hears of each new state until unsubscribed. Steps that follow each other fast may be told as one, but that it ran is
   * always told, and so is the final state, and then `complete`. As with XState's actors the present state is not told again, and a final task is
   * complete at once. `error`: nothing more will be heard (the task is unknown, the token was changed, or the Troupe was
   * closed); a lost connection is no error, it comes back.
   */
  subscribe: ActorRef<TaskSnapshot, TaskRefEvent, TaskEmitted>['subscribe']
  /**
   * Resolves with what the task came to, Failed or not: compare `outcome`. Without `timeoutMs` it waits for ever. Rejects
   * with the signal's reason, with `Unavailable` past the time, and with what ends a subscription.
   */
  result(options?: CallOptions): Promise<TaskOutput>
  /**
   * Asks the task to end; resolves when the wish is stored, which is before the end: `result()` waits for that. Rejects
   * with `OutcomeUnknown`, `Overloaded`, `StorageFailed`, `Unavailable`.
   */
  stop: (options?: StopOptions) => Promise<Stopped>
  /** Runs this task, which must be final, again as a new one. Rejects with `Conflict` while it lives. */
  rerun(options?: RerunOptions): Promise<TaskRef>
  /** What it wrote, line by line; see `Troupe.logs`. */
  logs(options?: LogsOptions): AsyncIterable<LogLine>
  /** Its transitions, in order; see `Troupe.events`. By default from the first that is remembered to the final one. */
  events(options?: Omit<EventsOptions, 'filter'>): EventStream
  /** Why it is where it is. */
  explain(options?: CallOptions): Promise<Explanation>
}
