/**
 * The driver port: a driver runs attempts of one kind on one worker. Whatever happens to an attempt is said through
 * `watch`, be it after a start, an adoption or a restarted engine; the verbs themselves only say when they were done.
 *
 * Every verb is idempotent, for a worker that was killed calls it again: an attempt starts at most once, ever.
 */
import type { AttemptKey, TaskSpec } from '../../actors/model.ts'
import type { AttemptStats } from '../../actors/usage.ts'

/** Whose attempts these are. A driver lists, adopts and removes only what bears both ids. */
export interface DriverScope {
  /** The cluster whose attempts are meant: what others have started on the same engine is not touched. */
  readonly clusterId: string
  /** The worker that runs them. */
  readonly nodeId: string
  /** Its name, for sentences alone. */
  readonly nodeName?: string
}

/** Whether an engine can be asked. */
export interface DriverProbe {
  /** `unavailable`: it cannot be asked, and that an attempt is not listed means nothing. */
  readonly state: 'complete' | 'unavailable'
  /** One sentence for people: the engine's version, or why it cannot be asked. */
  readonly detail: string
}

/** Something is true of an attempt from now on. The same may be said more than once. */
export type DriverEvent =
  /** Its image is being fetched. */
  | { readonly type: 'Pulling'; readonly key: AttemptKey; readonly atMs: number }
  /** How far: for people only, at most one a second. */
  | { readonly type: 'Progress'; readonly key: AttemptKey; readonly text: string }
  | { readonly type: 'Started'; readonly key: AttemptKey; readonly atMs: number }
  | {
      readonly type: 'Exited'
      readonly key: AttemptKey
      readonly atMs: number
      /** 0 to 255; 128 + signal when a signal ended it. */
      readonly exitCode: number
      readonly signal?: string
      readonly oomKilled?: boolean
      /** When it began, if it did and `Started` may not have been said. */
      readonly startedAtMs?: number
    }
  | {
      readonly type: 'StartFailed'
      readonly key: AttemptKey
      readonly atMs: number
      /** One of `startFailureCodes`. */
      readonly code: string
      readonly message: string
      readonly retryable: boolean
    }
  /** It is gone for sure, and how it ended cannot be known. */
  | { readonly type: 'Lost'; readonly key: AttemptKey; readonly atMs: number; readonly message: string }
  /** The engine cannot be asked (`unavailable`) or can again (`complete`); after the latter, all attempts were looked at afresh. */
  | { readonly type: 'Availability'; readonly state: 'complete' | 'unavailable'; readonly detail: string }

/** A piece of the output of an attempt; it may end within a character. */
export interface DriverChunk {
  /** Where the attempt wrote it. */
  readonly stream: 'stdout' | 'stderr'
  /** Empty at most beside `lostBytes`. */
  readonly data: Uint8Array
  /** At least so many bytes of this stream came before this chunk and are gone; 0 = nobody knows how many. */
  readonly lostBytes?: number
}

/** A command to run beside an attempt, for its health check. */
export interface ExecRequest {
  /** The program and its arguments. */
  readonly command: readonly string[]
  /** What the attempt was started from. */
  readonly spec: TaskSpec
  /** Then it is killed, and the result says so, in milliseconds. */
  readonly timeoutMs: number
  /** Nobody wants the result any more: kill it. */
  readonly signal: AbortSignal
}

/** What came of a command that a health check ran. */
export interface ExecResult {
  /** 0 to 255; undefined if the command could not be run, or took too long. */
  readonly exitCode: number | undefined
  /** The beginning of what it wrote, both streams, or one sentence on why there is no code. At most 512 characters. */
  readonly output: string
}

/** What an engine says of the check that an image brings along. */
export interface ContainerHealth {
  readonly state: 'starting' | 'healthy' | 'unhealthy'
  readonly detail: string
}

/** Runs the attempts of one kind of task. `driverConformance` says what it must hold to. */
export interface Driver {
  /** What tasks name in their `driver`: `[a-z][a-z0-9-]*`, at most 63 characters. */
  readonly name: string
  /** What there is beside running: reading output, figures of use, and commands for health checks. */
  readonly supports: { readonly logs: boolean; readonly stats: boolean; readonly exec: boolean }
  /** Whether the engine can be asked now. Never rejects; answers within 5 s. */
  probe(): Promise<DriverProbe>
  /**
   * Binds the driver to a scope and tells `listener` of everything from now on, beginning with what is true of the
   * attempts that exist already (so that a restarted worker adopts). Resolves once those were told, or the engine was
   * found `unavailable`. Called once, before any other verb but `probe`.
   */
  watch(scope: DriverScope, listener: (event: DriverEvent) => void): Promise<void>
  /**
   * Starts the attempt, or adopts the one that exists under its identity. All variables that it is to have stand in the
   * spec's `env`, Troupe's own among them. Resolves when the outcome was told through
   * `watch` (`Started`, `Exited`, `StartFailed`); rejects only on a defect of the driver's own.
   * An abort before the point of no return gives `StartFailed` with code `start-failed`, retryable.
   */
  start(key: AttemptKey, spec: TaskSpec, signal: AbortSignal): Promise<void>
  /**
   * Asks it to end (TERM), and after `graceMs` ends it (KILL). Resolves when the signals were sent or nothing was
   * there; the end itself comes through `watch`. A second call with a shorter grace shortens it. Unknown: resolves.
   */
  stop(key: AttemptKey, graceMs: number): Promise<void>
  /** Removes what is left of it, ended or not, keeping its output for `logs`. Unknown: resolves. Rejects if it could not. */
  remove(key: AttemptKey): Promise<void>
  /** Every attempt of the scope that exists in any form, ended or not. Rejects if the engine cannot be asked. */
  list(): Promise<AttemptKey[]>
  /**
   * The output, oldest first, bounded per attempt (the oldest is cut). With `follow` it goes on until the attempt has
   * ended; works live, after the end and after `remove`. Yields chunks of at most 16 KiB. Unknown attempt: yields nothing.
   */
  logs(key: AttemptKey, options: { readonly follow: boolean; readonly signal: AbortSignal }): AsyncIterable<DriverChunk>
  /**
   * Whether there is output of it, be it empty: false once it was trimmed, or if it never began. A driver without this verb
   * keeps its output for ever, or says nothing about it.
   */
  keeps?(key: AttemptKey): Promise<boolean>
  /**
   * The address at which the worker reaches the ports of a running attempt; undefined if there is none. Rejects if the engine cannot be asked. A
   * driver without this verb runs its attempts in the worker's own network.
   */
  address?(key: AttemptKey): Promise<string | undefined>
  /** There if `supports.exec`: runs a command as the attempt would. Rejects if the engine cannot be asked, or nothing runs. */
  exec?(key: AttemptKey, request: ExecRequest): Promise<ExecResult>
  /** What the engine's own check says; undefined if the container has none. Rejects if the engine cannot be asked. */
  health?(key: AttemptKey): Promise<ContainerHealth | undefined>
  /**
   * There if `supports.stats`: what a running attempt uses now, in whole bytes; undefined if nothing of it runs. `cpuMs` never
   * falls. Rejects if the engine cannot be asked.
   */
  stats?(key: AttemptKey): Promise<AttemptStats | undefined>
  /** Lets go of the engine; attempts go on running. */
  close(): Promise<void>
}
