/**
 * A subscription for a command that goes on: across lost connections and restarts of the manager, and no faster than
 * what it writes is read. What it has handled is its place; from there it goes on.
 */
import type { ClientReplies, TaskFilter } from '../../actors/protocol/client.ts'
import { backOffMs, pause } from '../client/back-off.ts'
import type { Client } from '../client/client.ts'
import { isRetryable, type Link } from '../client/link.ts'
import type { LogPosition, Subscription } from '../client/subscription.ts'

const followingLimits = {
  /** Messages that may wait to be written before the subscription is given up until they are. */
  waitingMax: 1_024,
} as const

export type Told = ClientReplies['Snapshot' | 'Delta' | 'Removed' | 'Mark'] | { type: 'Reset'; reason: string }

export interface FollowingOptions {
  readonly link: Link
  readonly topic: 'tasks' | 'events'
  readonly filter: TaskFilter
  readonly from: 'now' | 'snapshot' | LogPosition
  readonly signal: AbortSignal
  /** Messages come one after the other. `position`: where it goes on after this one; undefined within a commit. */
  readonly take: (message: Told, position: LogPosition | undefined) => Promise<void> | void
}

/** Resolves when `signal` is raised. Rejects with what a retry cannot help. */
export async function followStream(options: FollowingOptions): Promise<void> {
  const { link, signal } = options
  const place = { at: options.from }
  for (let tries = 0; !signal.aborted; ) {
    const before = place.at
    try {
      const client = await link.client()
      await followOn(client, options, place)
      tries = 0
      continue
    } catch (error) {
      if (signal.aborted) return
      if (!isRetryable(error)) throw error
    }
    tries = place.at === before ? tries + 1 : 0
    await pause(link.clock, backOffMs(tries, link.random), signal)
  }
}

/** Resolves when the writing has fallen behind and caught up, or the signal was raised. */
async function followOn(
  client: Client,
  options: FollowingOptions,
  place: { at: FollowingOptions['from'] },
): Promise<void> {
  const { topic, filter, signal, take } = options
  const { logId } = client.welcome
  const waiting: Told[] = []
  let isOver = false
  let failure: { readonly error: unknown } | undefined
  let wake = () => {}
  const end = () => {
    isOver = true
    wake()
  }
  const put = (message: Told) => {
    if (isOver) return
    waiting.push(message)
    if (waiting.length >= followingLimits.waitingMax) end()
    wake()
  }
  const stream: Subscription = client.subscribe(
    { topic, filter, from: place.at },
    {
      onSnapshot: put,
      onDelta: put,
      onRemoved: put,
      onMark: put,
      onReset: (reason) => put({ type: 'Reset', reason }),
      onEnd: (error) => {
        failure = { error }
        end()
      },
    },
  )
  signal.addEventListener('abort', end, { once: true })
  try {
    while (!signal.aborted) {
      const message = waiting.shift()
      if (message !== undefined) {
        const position = placeAfter(message, logId)
        await take(message, position)
        place.at = message.type === 'Reset' ? 'snapshot' : (position ?? place.at)
      } else if (isOver) break
      else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
    if (failure !== undefined) throw failure.error
  } finally {
    signal.removeEventListener('abort', end)
    void stream.close()
  }
}

function placeAfter(message: Told, logId: string): LogPosition | undefined {
  if (message.type === 'Reset') return undefined
  if (message.type !== 'Mark' && message.more === true) return undefined
  return { logId, revision: message.revision }
}
