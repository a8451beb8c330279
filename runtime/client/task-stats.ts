/** What a task uses, sample after sample, across its attempts and lost connections. */
import type { AttemptStats } from '../../actors/usage.ts'
import { onAbort } from './abort.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import { isRetryable, type Link } from './link.ts'
import { limitTime, type StreamOptions } from './time-limit.ts'

/** What an attempt of a task used at one moment. What is absent its driver cannot tell. */
export interface TaskStats extends AttemptStats {
  /** Of this attempt; from 1. */
  readonly attempt: number
  /** Cores that it used on average since the sample that you got before; absent in the first of each attempt. */
  readonly cores?: number
}

export interface StatsSource {
  readonly link: Link
  /** The task, or a beginning of its id that is clear. */
  readonly id: string
  readonly options: StreamOptions
}

/** One sample, as it came. */
interface Told {
  readonly attempt: number
  readonly sample: AttemptStats
}

/** Begins to watch at the first `next`, and ends with the task. A reader that is slow gets the newest only. */
export async function* watchStats({ link, id, options }: StatsSource): AsyncGenerator<TaskStats, void> {
  const inbox = new Inbox()
  // One of its own, so that nothing of this reading stays with a signal that lives longer.
  const stop = new AbortController()
  const forget = limitTime(link.clock, `the end of the stats of task ${id}`, options, {
    onAbort: () => inbox.end(),
    onLate: (error) => inbox.end(error),
  })
  let before: Told | undefined
  try {
    void hear(link, id, inbox, stop.signal).catch((error: unknown) => inbox.end(error))
    for (;;) {
      const told = await inbox.next()
      if (told === undefined) return
      const stats = statsOf(told, before)
      before = told
      yield stats
    }
  } finally {
    forget()
    stop.abort()
  }
}

/** A sample with the rate since the one before, if that can be told. */
export function statsOf({ attempt, sample }: Told, before: Told | undefined): TaskStats {
  const stats = { attempt, ...sample }
  const spanMs = before?.attempt === attempt ? sample.atMs - before.sample.atMs : 0
  if (before === undefined || spanMs <= 0) return stats
  return { ...stats, cores: Math.max(0, sample.cpuMs - before.sample.cpuMs) / spanMs }
}

/** The newest that was not read yet. */
class Inbox {
  #told: Told | undefined
  #ended: { readonly error: unknown } | undefined
  #wake: (() => void) | undefined

  put(told: Told): void {
    this.#told = told
    this.#wake?.()
  }

  end(error?: unknown): void {
    this.#ended ??= { error }
    this.#wake?.()
  }

  async next(): Promise<Told | undefined> {
    for (;;) {
      const told = this.#told
      this.#told = undefined
      if (told !== undefined) return told
      if (this.#ended?.error !== undefined) throw this.#ended.error
      if (this.#ended !== undefined) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      this.#wake = undefined
    }
  }
}

/** Resolves when the task is final. Rejects with what another connection cannot help. */
async function hear(link: Link, id: string, inbox: Inbox, signal: AbortSignal): Promise<void> {
  for (let tries = 0; !signal.aborted; tries += 1) {
    const client = await link.client()
    let isLost = false
    void client.closed.then(() => {
      isLost = true
    })
    try {
      await hearOn(client, id, signal, (told) => {
        tries = 0
        inbox.put(told)
      })
      inbox.end()
      return
    } catch (error) {
      if (!isRetryable(error)) throw error
      await pause(link.clock, backOffMs(tries, link.random), signal)
      // The manager's own word that there will be no more is the last one.
      if (!isLost) throw error
    }
  }
}

/** Resolves when the task is final, or nobody reads any more. Rejects with what ended the subscription. */
function hearOn(client: Client, id: string, signal: AbortSignal, onSample: (told: Told) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return resolve()
    const stream = client.subscribe(
      { topic: 'stats', taskId: id, from: 'snapshot' },
      {
        onStats: ({ attempt, sample }) => onSample({ attempt, sample }),
        onDone: () => {
          forget()
          resolve()
        },
        onEnd: (error) => {
          forget()
          reject(error)
        },
      },
    )
    const forget = onAbort(signal, () => {
      void stream.close()
      resolve()
    })
  })
}
