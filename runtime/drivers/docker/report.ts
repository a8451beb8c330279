/** What the driver knows and has told of each attempt: turns what the engine shows into events, each told once. */
import { constants } from 'node:os'
import { type AttemptKey, attemptName } from '../../../actors/model.ts'
import type { Clock } from '../../clock.ts'
import type { DriverEvent, DriverScope } from '../driver.ts'
import { decodeFrames } from '../output-file.ts'
import type { ContainerView } from './container.ts'
import type { Engine } from './engine.ts'
import { failureOf, type StartFailure, sentence } from './failure.ts'
import { keyOf } from './identity.ts'

/** How much of an output is read to find out why the init could not run the command, in lines. */
const initOutputLines = 5
/** What `docker-init` (tini) writes when it cannot execute the command; it then ends with 126 or 127. */
const initFailure = /^\[FATAL tini \(\d+\)\] (exec .* failed: .*)$/m

/** A start that is under way in this process. */
export interface Starting {
  /** Aborting it has an effect until the engine is asked to start the container. */
  readonly controller: AbortController
  readonly done: Promise<void>
}

/** A stop that is under way in this process. */
export interface Stopping {
  termSent: boolean
  killAtMs: number
  cancelKill: () => void
}

export interface AttemptRecord {
  readonly key: AttemptKey
  containerId: string | undefined
  startedTold: boolean
  end: DriverEvent | undefined
  starting: Starting | undefined
  stopping: Stopping | undefined
  removing: Promise<void> | undefined
  readonly onEnd: Set<() => void>
}

export class Reports {
  readonly scope: DriverScope
  readonly #listener: (event: DriverEvent) => void
  readonly #engine: Engine
  readonly #clock: Clock
  readonly #records = new Map<string, AttemptRecord>()

  constructor(options: {
    readonly scope: DriverScope
    readonly listener: (event: DriverEvent) => void
    readonly engine: Engine
    readonly clock: Clock
  }) {
    this.scope = options.scope
    this.#listener = options.listener
    this.#engine = options.engine
    this.#clock = options.clock
  }

  /** The record of an attempt, made if there is none. */
  recordOf(key: AttemptKey): AttemptRecord {
    const name = attemptName(key)
    const found = this.#records.get(name)
    if (found) return found
    const record: AttemptRecord = {
      key: { taskId: key.taskId, attempt: key.attempt },
      containerId: undefined,
      startedTold: false,
      end: undefined,
      starting: undefined,
      stopping: undefined,
      removing: undefined,
      onEnd: new Set(),
    }
    this.#records.set(name, record)
    return record
  }

  find(key: AttemptKey): AttemptRecord | undefined {
    return this.#records.get(attemptName(key))
  }

  forget(record: AttemptRecord): void {
    this.#records.delete(attemptName(record.key))
  }

  all(): AttemptRecord[] {
    return [...this.#records.values()]
  }

  tell(event: DriverEvent): void {
    this.#listener(event)
  }

  /**
   * Tells what the engine shows, unless it was told before. While a start of it is under way in this process, only
   * that start (`byStart`) may say `Started` or `StartFailed`: it alone knows the engine's answer.
   */
  async observe(view: ContainerView, byStart = false): Promise<void> {
    const key = keyOf(this.scope, view.labels)
    if (key === undefined) return
    const record = this.recordOf(key)
    record.containerId = view.id
    const mayTellStart = byStart || record.starting === undefined
    if (view.phase === 'running' && mayTellStart) this.#tellStarted(record, view)
    if (view.phase === 'failed' && mayTellStart) this.tellFailure(record, failureOf(view.error || 'no reason given'))
    if (view.phase === 'ended') await this.#tellEnd(record, view)
  }

  tellFailure(record: AttemptRecord, failure: StartFailure): void {
    const { code, retryable, message } = failure
    const atMs = this.#clock.nowMs()
    this.#tellLast(record, { type: 'StartFailed', key: record.key, atMs, code, retryable, message })
  }

  tellLost(record: AttemptRecord, message: string): void {
    this.#tellLast(record, { type: 'Lost', key: record.key, atMs: this.#clock.nowMs(), message })
  }

  /** Resolves when the end was told, or after `withinMs`. */
  untilEnd(record: AttemptRecord, withinMs: number): Promise<void> {
    if (record.end !== undefined) return Promise.resolve()
    return new Promise((resolve) => {
      const settle = () => {
        cancel()
        record.onEnd.delete(settle)
        resolve()
      }
      const cancel = this.#clock.setTimer(settle, withinMs)
      record.onEnd.add(settle)
    })
  }

  #tellStarted(record: AttemptRecord, view: ContainerView): void {
    if (record.startedTold || record.end !== undefined) return
    record.startedTold = true
    this.tell({ type: 'Started', key: record.key, atMs: view.startedAtMs ?? this.#clock.nowMs() })
  }

  async #tellEnd(record: AttemptRecord, view: ContainerView): Promise<void> {
    if (record.end !== undefined) return
    const why = record.startedTold ? undefined : await this.#initFailure(view)
    if (record.end !== undefined) return
    if (why !== undefined) return this.tellFailure(record, failureOf(why))
    this.#tellLast(record, exitOf(record.key, view, this.#clock.nowMs()))
  }

  /**
   * With an init the engine starts a command that does not exist all the same, and only the init notices: it ends with
   * 127 (126: not executable) and says so on stderr. A shell that ends with 127 says it in other words.
   */
  async #initFailure(view: ContainerView): Promise<string | undefined> {
    if (!view.init || (view.exitCode !== 126 && view.exitCode !== 127)) return undefined
    try {
      return await this.#engine.within('logs', this.#engine.deadlines.requestMs, async (signal) => {
        const options = { follow: false, timestamps: false, tail: initOutputLines }
        const stream = await this.#engine.logs(view.id, options, signal)
        if (stream === undefined) return undefined
        let text = ''
        for await (const chunk of decodeFrames(stream)) {
          if (chunk.stream === 'stderr') text += Buffer.from(chunk.data).toString('utf8')
        }
        return initFailure.exec(text)?.[1]
      })
    } catch {
      // Without the output it is an exit with that code, which is as true.
      return undefined
    }
  }

  #tellLast(record: AttemptRecord, event: DriverEvent): void {
    if (record.end !== undefined) return
    record.end = event
    record.stopping?.cancelKill()
    record.stopping = undefined
    this.tell(event)
    for (const settle of [...record.onEnd]) settle()
  }
}

function exitOf(key: AttemptKey, view: ContainerView, nowMs: number): DriverEvent {
  // The engine gives -1 or 255 for an end that it has not seen.
  const exitCode = view.exitCode >= 0 && view.exitCode <= 255 ? view.exitCode : 255
  const signal = signalName(exitCode)
  const atMs = view.finishedAtMs ?? nowMs
  return {
    type: 'Exited',
    key,
    atMs,
    exitCode,
    ...(signal === undefined ? {} : { signal }),
    ...(view.oomKilled ? { oomKilled: true } : {}),
    // The engine takes the start's time after the start, so that a quick end is shown to come before it.
    ...(view.startedAtMs === undefined ? {} : { startedAtMs: Math.min(view.startedAtMs, atMs) }),
  }
}

/** `SIGKILL` for 137: shells, inits and the engine itself all write 128 + the signal. */
function signalName(exitCode: number): string | undefined {
  return Object.entries(constants.signals).find(([, number]) => number === exitCode - 128)?.[0]
}

/** The sentence for an attempt whose container somebody else took away. */
export const removedByOthers = (name: string): string => sentence(`The container of ${name} was removed from outside`)
