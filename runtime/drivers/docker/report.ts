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
import type { Kernel } from './kernel.ts'

/** How much of an output is read to find out why the init could not run the command, in lines. */
const initOutputLines = 5
/** What `docker-init` (tini) writes when it cannot execute the command; it then ends with 126 or 127. */
const initFailure = /^\[FATAL tini \(\d+\)\] (exec .* failed: .*)$/m

/** The engine gives this or -1 for an end that it has not seen. */
const unseenCode = 255
/** The exit code of what was killed by SIGKILL, by the kernel for want of memory or by a person. */
const killedCode = 137
/**
 * How long after such an end the engine's word is waited for that the memory was used up. It takes the two from
 * different places, and sometimes in the wrong order: then its inspection never shows the one, and only its `oom` event
 * tells. Of 100 on a busy machine with engine 20.10 it did so for 4, up to 0.45 s after the end, and for 3 never.
 */
const oomLateMs = 1_000

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
  /** How the engine showed it when it was told as started. */
  seenRunning: ContainerView | undefined
  end: DriverEvent | undefined
  /** The engine has said that its memory was used up. */
  isOutOfMemory: boolean
  /** What the kernel had counted when it was seen to run there; undefined if that says nothing of it. */
  oomKillsAtStart: number | undefined
  starting: Starting | undefined
  /** Its start was answered, and what came of it is being looked at. */
  confirming: Promise<void> | undefined
  stopping: Stopping | undefined
  removing: Promise<void> | undefined
  readonly onEnd: Set<() => void>
  readonly onOutOfMemory: Set<() => void>
}

export class Reports {
  readonly scope: DriverScope
  readonly #listener: (event: DriverEvent) => void
  readonly #engine: Engine
  readonly #clock: Clock
  readonly #kernel: Kernel | undefined
  readonly #records = new Map<string, AttemptRecord>()

  constructor(options: {
    readonly scope: DriverScope
    readonly listener: (event: DriverEvent) => void
    readonly engine: Engine
    readonly clock: Clock
    readonly kernel?: Kernel
  }) {
    this.scope = options.scope
    this.#listener = options.listener
    this.#engine = options.engine
    this.#clock = options.clock
    this.#kernel = options.kernel
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
      seenRunning: undefined,
      end: undefined,
      isOutOfMemory: false,
      oomKillsAtStart: undefined,
      starting: undefined,
      confirming: undefined,
      stopping: undefined,
      removing: undefined,
      onEnd: new Set(),
      onOutOfMemory: new Set(),
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
    if (view.phase === 'created' && record.startedTold) await this.#forgotten(record, view.id)
  }

  /**
   * An engine that is killed soon after a start may not have written it down: then it shows the container as if it had
   * never run. So would a look from before the start, which is why it looks again.
   */
  async #forgotten(record: AttemptRecord, id: string): Promise<void> {
    const now = await this.#engine.inspect(id)
    if (now?.phase !== 'created') return
    this.tellLost(record, 'It ran, but its engine was killed and has forgotten that, so how it ended is not known.')
  }

  tellFailure(record: AttemptRecord, failure: StartFailure): void {
    const { code, retryable, message } = failure
    const atMs = this.#clock.nowMs()
    this.#tellLast(record, { type: 'StartFailed', key: record.key, atMs, code, retryable, message })
  }

  tellLost(record: AttemptRecord, message: string): void {
    this.#tellLast(record, { type: 'Lost', key: record.key, atMs: this.#clock.nowMs(), message })
  }

  /** The engine's event that a container has used up its memory. */
  outOfMemory(containerId: string): void {
    const record = this.findContainer(containerId)
    if (record === undefined) return
    record.isOutOfMemory = true
    for (const settle of [...record.onOutOfMemory]) settle()
  }

  /**
   * The engine's event that a container has ended. Of one that was seen to run, and that never is called out of memory
   * because it has no limit, the event says all; else it answers false: then an inspection must tell the rest. The engine
   * answers one only when it has taken down the container's network, which is some 20 to 70 ms later: that is awaited of one
   * that holds ports of the node, for whoever gets them next.
   */
  async died(containerId: string, exitCode: number, atMs: number): Promise<boolean> {
    const record = this.findContainer(containerId)
    const seen = record?.seenRunning
    if (record === undefined) return false
    const saysAll = seen?.id === containerId && !seen.hasMemoryLimit && !seen.publishes
    if (saysAll && exitCode >= 0 && exitCode < unseenCode && atMs > 0) {
      await this.observe({ ...seen, phase: 'ended', exitCode, finishedAtMs: atMs })
      return true
    }
    await record.confirming
    return record.end !== undefined
  }

  findContainer(containerId: string): AttemptRecord | undefined {
    for (const record of this.#records.values()) if (record.containerId === containerId) return record
    return undefined
  }

  /** Resolves when the end was told, or after `withinMs`. */
  untilEnd(record: AttemptRecord, withinMs: number): Promise<void> {
    return record.end === undefined ? this.#until(record.onEnd, withinMs) : Promise.resolve()
  }

  #until(listeners: Set<() => void>, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const settle = () => {
        cancel()
        listeners.delete(settle)
        resolve()
      }
      const cancel = this.#clock.setTimer(settle, withinMs)
      listeners.add(settle)
    })
  }

  #tellStarted(record: AttemptRecord, view: ContainerView): void {
    if (record.startedTold || record.end !== undefined) return
    record.startedTold = true
    record.seenRunning = view
    if (view.hasMemoryLimit && this.#kernel?.runs(view)) record.oomKillsAtStart = this.#kernel.oomKills()
    this.tell({ type: 'Started', key: record.key, atMs: view.startedAtMs ?? this.#clock.nowMs() })
  }

  async #tellEnd(record: AttemptRecord, view: ContainerView): Promise<void> {
    if (record.end !== undefined) return
    const why = record.startedTold ? undefined : await this.#initFailure(view)
    if (record.end !== undefined) return
    if (why !== undefined) return this.tellFailure(record, failureOf(why))
    await this.#untilOutOfMemory(record, view)
    if (record.end !== undefined) return
    const oomKilled = view.oomKilled || record.isOutOfMemory
    this.#tellLast(record, exitOf(record.key, { ...view, oomKilled }, this.#clock.nowMs()))
  }

  /** Waits for the word that this was for want of memory, if it may be: it was just killed, and not by us. */
  async #untilOutOfMemory(record: AttemptRecord, view: ContainerView): Promise<void> {
    const { stopping, removing, isOutOfMemory, onOutOfMemory } = record
    if (view.oomKilled || isOutOfMemory || !view.hasMemoryLimit || view.exitCode !== killedCode) return
    if (stopping !== undefined || removing !== undefined) return
    // The kernel has killed nothing for want of memory since: then not this either, and nobody need wait.
    const { oomKillsAtStart } = record
    if (oomKillsAtStart !== undefined && this.#kernel?.oomKills() === oomKillsAtStart) return
    // Of what ended while nobody looked no more is heard. The engine's machine may have another clock.
    const leftMs = (view.finishedAtMs ?? 0) + oomLateMs - this.#clock.nowMs()
    if (leftMs > 0) await this.#until(onOutOfMemory, Math.min(leftMs, oomLateMs))
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
  const exitCode = view.exitCode >= 0 && view.exitCode <= unseenCode ? view.exitCode : unseenCode
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
