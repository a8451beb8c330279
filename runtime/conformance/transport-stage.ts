/** What each test of the transport conformance suite plays on: two joined ends that remember all they are told. */
import type { Connection, Listener, ListenOptions, Transport, TransportLimits } from '../../transport/transport.ts'
import type { TransportWorld } from './transport.ts'

/** How long anything may take to come true, in milliseconds. */
const patienceMs = 10_000

/** Small enough that a test reaches every one of them at once. */
export const stageLimits: TransportLimits = {
  frameBytesMax: 1_024 * 1_024,
  frameDepthMax: 8,
  sendBufferBytesHigh: 256 * 1_024,
  sendBufferBytesMax: 64 * 1_024 * 1_024,
}

/** The part of vitest's `test` and `expect` that the suite uses. */
export interface ConformanceTools {
  /** Defines a test. */
  test(name: string, body: () => Promise<void>): unknown
  /** Throws, in the test, what does not hold. */
  expect(actual: unknown): {
    toBe(expected: unknown): void
    toEqual(expected: unknown): void
    toContain(expected: string): void
    toBeLessThanOrEqual(most: number): void
    toBeGreaterThanOrEqual(least: number): void
  }
}

/** A connection, and what it has told so far. */
export interface WatchedEnd {
  readonly connection: Connection
  readonly frames: unknown[]
  readonly closes: { readonly code: number; readonly reason: string }[]
  drains: number
}

export interface Stage {
  readonly world: TransportWorld
  /** Listens at any free port; what it accepts is watched, and closed in the end. */
  listen(options?: Partial<ListenOptions>, limits?: Partial<TransportLimits>): Promise<StageListener>
  transport(limits?: Partial<TransportLimits>): Transport
  /** Two watched ends of one connection. */
  join(options?: JoinOptions): Promise<{ dialled: WatchedEnd; accepted: WatchedEnd; listener: StageListener }>
}

export interface StageListener {
  readonly listener: Listener
  readonly accepted: WatchedEnd[]
}

export interface JoinOptions {
  readonly protocol?: string
  readonly dialler?: Partial<TransportLimits>
  readonly listener?: Partial<TransportLimits>
  /** Runs on the accepted end as soon as it is there. */
  readonly onAccepted?: (end: WatchedEnd) => void
}

export const msgpack = 'troupe.v1.msgpack'
export const json = 'troupe.v1.json'

/** Runs `body` on a fresh world; then closes what it has opened. */
export async function withStage(world: TransportWorld, body: (stage: Stage) => Promise<void>): Promise<void> {
  const listeners: Listener[] = []
  const transport = (limits: Partial<TransportLimits> = {}): Transport => world.transport({ ...stageLimits, ...limits })

  const listen: Stage['listen'] = async (options = {}, limits = {}) => {
    const accepted: WatchedEnd[] = []
    const onConnection = (connection: Connection): void => {
      accepted.push(watch(connection))
      options.onConnection?.(connection)
    }
    const all = { protocols: [msgpack, json], ...options, onConnection }
    const listener = await transport(limits).listen(world.anyAddress, all)
    listeners.push(listener)
    return { listener, accepted }
  }

  const join: Stage['join'] = async (options = {}) => {
    const onConnection = (): void => options.onAccepted?.(listening.accepted[0] as WatchedEnd)
    const listening = await listen({ onConnection }, options.listener)
    const url = await world.through(listening.listener.address)
    const dialled = await dial(transport(options.dialler), url, options.protocol ?? msgpack)
    const accepted = await eventually('the listener has the connection', () => listening.accepted[0])
    return { dialled, accepted, listener: listening }
  }

  try {
    await body({ world, listen, transport, join })
  } finally {
    for (const listener of listeners) await listener.close()
    await world.close()
  }
}

/** Dials and sets the handlers in the turn of the hand-over, as users must. */
async function dial(transport: Transport, url: string, protocol: string): Promise<WatchedEnd> {
  return watch(await transport.connect(url, { protocols: [protocol] }))
}

export function watch(connection: Connection): WatchedEnd {
  const end: WatchedEnd = { connection, frames: [], closes: [], drains: 0 }
  connection.onFrame = (frame) => end.frames.push(frame)
  connection.onClose = (code, reason) => end.closes.push({ code, reason })
  connection.onDrain = () => end.drains++
  return end
}

/** The first answer that is neither undefined nor false; asks again every 2 ms and gives up after `patienceMs`. */
export async function eventually<T>(what: string, ask: () => T | undefined | false): Promise<T> {
  const deadlineMs = performance.now() + patienceMs
  for (;;) {
    const answer = ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > deadlineMs) throw new Error(`Waited ${patienceMs} ms in vain until ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** The close that this end was told of. */
export function closed(end: WatchedEnd): Promise<{ readonly code: number; readonly reason: string }> {
  return eventually('the connection is closed', () => end.closes[0])
}

/** Long enough for whatever is under way to have come, were it to come; for tests of what must not happen. */
export function aWhile(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50))
}

/** The code of the error that `doing` fails with, and its sentence. */
export async function failure(doing: () => unknown): Promise<{ code: unknown; message: string }> {
  try {
    await doing()
  } catch (error) {
    return { code: (error as { code?: unknown }).code, message: (error as Error).message }
  }
  return { code: 'nothing failed', message: '' }
}
