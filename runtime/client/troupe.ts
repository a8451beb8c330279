/** What people build on: the same interface for a Troupe in this process (`openTroupe`) and one elsewhere (`connect`). */
import type { NodeView, TaskSpec, TaskView } from '../../actors/model.ts'
import type { Access } from '../../actors/protocol/access.ts'
import type { ClientReplies, TaskFilter } from '../../actors/protocol/client.ts'
import type { ActorStream, ActorsOptions } from './actor-stream.ts'
import type { CallOptions } from './asking.ts'
import type { Counters } from './counters.ts'
import type { EventStream, EventsOptions } from './event-stream.ts'
import type { LogLine, LogsOptions } from './log-lines.ts'
import type { NodeChanges, WatchNodesOptions } from './node-changes.ts'
import type { TaskOutput } from './snapshot.ts'
import type { TaskChanges, WatchOptions } from './task-changes.ts'
import type { RerunOptions, StopOptions, Stopped, TaskRef } from './task-ref.ts'
import type { TaskStats } from './task-stats.ts'
import type { StreamOptions } from './time-limit.ts'

/** Why a task is where it is: its view and spec, the newest placement decision, attempts, last events, and timers. */
export type Explanation = Omit<ClientReplies['Explanation'], 'type' | 'req'>

/** What would come of a task, if it were run now: where it would be placed or why it would wait, and each scheduler's scores. */
export type Plan = Omit<ClientReplies['Planned'], 'type' | 'req'>

/** How a task is submitted. */
export interface RunOptions extends CallOptions {
  /**
   * The task's id: `[a-z0-9][a-z0-9-]*`, at most 63 characters, for ever its own. With an id that comes from your own data
   * (an order's number), running the same twice makes one task. Default: 12 random characters, 60 bits.
   */
  readonly id?: string
}

/** Which tasks, and which page of them. */
export interface ListOptions extends CallOptions {
  /** Only tasks that fit all of this. Default: all. */
  readonly filter?: TaskFilter
  /** `recent` (default): what is live and the last 50 that ended. `all`: everything that the manager remembers. */
  readonly scope?: 'recent' | 'all'
  /** Only ids after this one: the `next` of the page before. */
  readonly after?: string
  /** Tasks in a page, 1 to 500. Default 500. */
  readonly limit?: number
}

/** One page of tasks. */
export interface TaskPage {
  /** In the order of their ids. */
  readonly tasks: readonly TaskView[]
  /** What to pass as `after` for the next page; undefined on the last. */
  readonly next: string | undefined
}

/** How a node is drained. */
export interface DrainOptions extends CallOptions {
  /** How long what may not be replaced is waited for before it is stopped, in milliseconds, 0 to 2^31 - 1. Default: for ever. */
  readonly deadlineMs?: number
}

/** A backup that is whole and on disk. */
export interface BackupMade {
  /** The last revision that is certainly in the copy. */
  readonly revision: number
  /** Entries of the store that were copied. */
  readonly entries: number
}

/** Counters as plain numbers, for the application to export as it likes. */
export type Metrics = Readonly<Counters>

/**
 * A Troupe. Every call may reject with TroupeError, whose `code` says what to do about it and whose `retryable` whether the
 * same again can help; `Unauthorized`, `Unavailable` and `Protocol` may come from any. A lost connection is dialled again
 * for as long as the Troupe is open; calls ask again by the ids they chose until their `timeoutMs`.
 */
export interface Troupe extends AsyncDisposable {
  /**
   * What the token of the newest connection allows: `view` = only what changes nothing, and all else rejects with
   * `Forbidden`. Undefined until the first connection.
   */
  readonly access: Access | undefined
  /** The id of the cluster of the newest connection, made once with its manager's folder. Undefined until the first. */
  readonly clusterId: string | undefined
  /**
   * Runs a task; resolves once it is accepted and on disk, with its first state. Rejects with `Invalid` (what is wrong
   * with the spec), `Conflict` (the id belongs to another spec), `Overloaded`, `StorageFailed`, or `OutcomeUnknown`:
   * then `taskId` of the error is the id to `get`, or to run the same spec by again.
   */
  run(spec: TaskSpec, options?: RunOptions): Promise<TaskRef>
  /**
   * What would come of `run` with these now, which changes nothing and promises nothing. Rejects as `run` would: with
   * `Invalid`, or `Conflict`. `task` of the answer is the one of this id that exists already with this spec; else `node` is
   * where it would be placed, or `why` says why it would wait, behind `ahead` tasks that ask for the same.
   */
  plan(spec: TaskSpec, options?: RunOptions): Promise<Plan>
  /** A task by its id, or a beginning of it that is clear. Rejects with `NotFound`, `Ambiguous`. */
  get(id: string, options?: CallOptions): Promise<TaskRef>
  /** One page of tasks. */
  list(options?: ListOptions): Promise<TaskPage>
  /** All pages, one task after the other; each page is asked for when it is needed. */
  listAll(options?: Omit<ListOptions, 'after'>): AsyncIterable<TaskView>
  /**
   * The tasks that fit a filter: first as they are (the live ones, and the newest 500 that ended), then the newest of each
   * as it changes. Over a lost connection it goes on where it was.
   */
  watch(options?: WatchOptions): TaskChanges
  /**
   * The state machines of the cluster, live: how they stand, then each step that they take. Begins anew after a lost
   * connection, and says so. Throws from the iteration: `NotFound`, `Ambiguous` (of an id), `Invalid`, `Overloaded`.
   */
  actors(options?: ActorsOptions): ActorStream
  /** Asks a task to end, by its whole id; see `TaskRef.stop`. Rejects with `NotFound`. */
  stop(id: string, options?: StopOptions): Promise<Stopped>
  /** Runs a final task again as a new one, by its whole id. Rejects with `NotFound`, and `Conflict` while it lives. */
  rerun(id: string, options?: RerunOptions): Promise<TaskRef>
  /** What a task came to, once it is final; see `TaskRef.result`. Rejects with `NotFound`, `Ambiguous`. */
  wait(id: string, options?: CallOptions): Promise<TaskOutput>
  /** Every node there is, with what it offers and what is reserved. */
  nodes(options?: CallOptions): Promise<NodeView[]>
  /**
   * The nodes, first as they are, then the newest of each as it changes, and about every two seconds with what its machine
   * uses. After a lost connection they are told as they are then, with those that were forgotten meanwhile as `Removed`.
   */
  watchNodes(options?: WatchNodesOptions): NodeChanges
  /**
   * Has a node, by name or id, get no new tasks and lose those it has. Resolves when the wish is stored; the drain is over
   * once its `tasks` is 0. Rejects with `NotFound`, `OutcomeUnknown`.
   */
  drain(node: string, options?: DrainOptions): Promise<NodeView>
  /** Has a node take tasks again. Rejects with `NotFound`, `OutcomeUnknown`. */
  undrain(node: string, options?: CallOptions): Promise<NodeView>
  /** Forgets a node that is Down, or drained, empty and disconnected. Rejects with `NotFound`, or `Conflict` while it is of use. */
  removeNode(node: string, options?: CallOptions): Promise<void>
  /** Transitions of tasks as they happen, each once and in order, without a silent gap. */
  events(options?: EventsOptions): EventStream
  /**
   * What a task wrote, oldest line first; a reader that is slow slows the sender. Throws from the iteration: `NotFound`,
   * `Ambiguous`, and `Unavailable` where output is missing (see `onIncomplete`).
   */
  logs(id: string, options?: LogsOptions): AsyncIterable<LogLine>
  /**
   * What a task uses, about once a second, through all its attempts until it is final; it is measured only while somebody
   * watches. Throws from the iteration: `NotFound`, `Ambiguous`, `Invalid` (its driver or its worker cannot tell), `Unavailable`.
   */
  stats(id: string, options?: StreamOptions): AsyncIterable<TaskStats>
  /** Why a task is where it is. Rejects with `NotFound`, `Ambiguous`. */
  explain(id: string, options?: CallOptions): Promise<Explanation>
  /**
   * Copies the manager's store, while it runs, into a folder of the manager's machine that is new or empty; absolute. Its
   * `timeoutMs` is an hour by default. It is not asked again by itself. Rejects with `Conflict`, `Invalid`, `OutcomeUnknown`.
   */
  backup(dir: string, options?: CallOptions): Promise<BackupMade>
  /** What this Troupe has counted so far. */
  metrics(): Metrics
  /**
   * Lets go: subscriptions and iterations end with `Unavailable`, and nothing keeps the process alive. Tasks go on running;
   * an embedded manager and worker take them up again when they are opened on the same folder. Twice is once.
   */
  close(): Promise<void>
}
