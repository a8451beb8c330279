/** Follows the output of a task through its attempts, across lost connections, without repeating what was written. */
import type { TaskView } from '../../actors/model.ts'
import type { TroupeError } from '../../actors/protocol/errors.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client } from './client.ts'
import { isRetryable, type Link } from './link.ts'
import type { OutputPiece } from './output.ts'
import { OutputPlace } from './output-place.ts'
import { isFinal } from './watch.ts'

export const followLimits = {
  /** How long the rest of the output may stay away after the attempt has ended, in milliseconds. */
  idleMs: 5_000,
  /** How often the rest is asked for again once the attempt has ended. */
  triesAfterEndMax: 5,
} as const

/** Who knows the states of the task. */
export interface Watch {
  /** The first state from now on that fits, the present one included. */
  until(fits: (view: TaskView) => boolean): Promise<TaskView>
}

export interface FollowOptions {
  readonly link: Link
  readonly taskId: string
  readonly watch: Watch
  /** The attempt to begin with; from 1. */
  readonly attempt: number
  /** Go on with the attempts that follow. */
  readonly onward: boolean
  /** Awaited before more is asked for: this is what slows the sender down. A piece with `lostBytes` follows on a gap. */
  readonly write: (piece: OutputPiece, attempt: number) => Promise<void>
  /** Why the output of an attempt is not complete. */
  readonly onIncomplete: (attempt: number, why: string) => void
  /** Ends it quietly. */
  readonly signal: AbortSignal
}

/** Resolves when all was written or `signal` was raised. Rejects when the link was given up. */
export async function followOutput(options: FollowOptions): Promise<void> {
  const { watch, signal } = options
  for (let attempt = options.attempt; !signal.aborted; attempt += 1) {
    // Before it has started there is nothing to read, and a worker would say so by an early end.
    const view = await watch.until((view) => isFinal(view) || hasBegun(view, attempt))
    if (view.attempt < attempt) return
    await followAttempt(options, attempt)
    if (!options.onward) return
  }
}

const hasBegun = (view: TaskView, attempt: number): boolean =>
  view.attempt > attempt || (view.attempt === attempt && view.state !== 'Scheduled')

const isOver = (view: TaskView, attempt: number): boolean =>
  isFinal(view) || view.attempt > attempt || (view.attempt === attempt && view.state === 'Pending')

async function followAttempt(options: FollowOptions, attempt: number): Promise<void> {
  const { link, watch, signal, onIncomplete } = options
  const place = new OutputPlace()
  let over = false
  void watch
    .until((view) => isOver(view, attempt))
    .then(
      () => {
        over = true
      },
      () => undefined,
    )
  for (let tries = 0, triesAfterEnd = 0; !signal.aborted; tries += 1) {
    const client = await link.client()
    let complete: boolean
    try {
      complete = await readOnce(client, options, attempt, place)
    } catch (error) {
      if (over) triesAfterEnd += 1
      if (!isRetryable(error) || triesAfterEnd >= followLimits.triesAfterEndMax) {
        onIncomplete(attempt, (error as TroupeError).message)
        return
      }
      await pause(link.clock, backOffMs(tries, link.random), signal)
      continue
    }
    if (!complete && !signal.aborted) onIncomplete(attempt, 'its worker says nothing any more')
    return
  }
}

/**
 * Reads the attempt from its beginning and passes over what was written before: the manager knows no position in the
 * output. Answers false if the end did not come although the attempt is over.
 */
async function readOnce(client: Client, options: FollowOptions, attempt: number, place: OutputPlace): Promise<boolean> {
  const { link, taskId, watch, write, signal } = options
  const stop = new AbortController()
  const onAbort = () => stop.abort()
  signal.addEventListener('abort', onAbort, { once: true })
  place.beginAgain()
  const idle = watchIdle(link, () => stop.abort())
  void watch.until((view) => isOver(view, attempt)).then(idle.begin, () => undefined)
  try {
    for await (const piece of client.logs(taskId, { attempt, follow: true, signal: stop.signal })) {
      const news = place.newsOf(piece)
      if (news !== undefined) {
        idle.busy(true)
        await write(news, attempt)
      }
      idle.busy(false)
    }
    return !stop.signal.aborted
  } finally {
    idle.end()
    signal.removeEventListener('abort', onAbort)
  }
}

// Time that our own reader takes does not count: only silence of the other end.
function watchIdle(link: Link, onIdle: () => void) {
  let sinceMs = link.clock.uptimeMs()
  let writing = false
  let ended = false
  let cancel = () => {}
  const arm = (delayMs: number) => {
    if (ended) return
    cancel = link.clock.setTimer(() => {
      const leftMs = followLimits.idleMs - (link.clock.uptimeMs() - sinceMs)
      if (writing) arm(followLimits.idleMs)
      else if (leftMs > 0) arm(leftMs)
      else onIdle()
    }, delayMs)
  }
  return {
    begin: () => {
      sinceMs = link.clock.uptimeMs()
      arm(followLimits.idleMs)
    },
    busy: (isWriting: boolean) => {
      writing = isWriting
      sinceMs = link.clock.uptimeMs()
    },
    end: () => {
      ended = true
      cancel()
    },
  }
}
