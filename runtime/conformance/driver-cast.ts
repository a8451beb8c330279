/** Who plays in one test of the driver conformance suite: its drivers, what they told, and the clearing away after it. */
import type { AttemptKey, TaskSpec } from '../../actors/model.ts'
import type { Driver, DriverEvent } from '../drivers/driver.ts'
import type { AttemptWorld, SpecKind } from './driver.ts'

/** How long anything may take to come true, in milliseconds. */
const patienceMs = 45_000

/** A driver that is bound to the test's cluster, and all that it told. */
export interface WatchedDriver {
  readonly driver: Driver
  readonly eventsOf: (key: AttemptKey) => readonly DriverEvent[]
  /** Resolves once an event of this type was told. */
  readonly told: (key: AttemptKey, type: DriverEvent['type']) => Promise<DriverEvent>
  /** Resolves with the end of the attempt. */
  readonly ended: (key: AttemptKey) => Promise<DriverEvent>
}

export interface Cast {
  /** One more driver, watched already, of the node `node-a` unless told otherwise. */
  open(nodeId?: string): Promise<WatchedDriver>
  /** A key that nobody has used. */
  key(): AttemptKey
  start(driver: Driver, key: AttemptKey, spec: SpecKind | TaskSpec, signal?: AbortSignal): Promise<void>
  /** All output that `logs` yields, as text. */
  output(
    driver: Driver,
    key: AttemptKey,
    options?: { readonly follow?: boolean; readonly signal?: AbortSignal },
  ): Promise<{ stdout: string; stderr: string }>
  /** Resolves once stdout is exactly this text. */
  printed(driver: Driver, key: AttemptKey, stdout: string): Promise<void>
}

/** Runs `body` with a fresh cast; then removes every attempt of its cluster and closes every driver. */
export async function withCast(world: AttemptWorld, body: (cast: Cast) => Promise<void>): Promise<void> {
  const clusterId = `c${randomLetters()}`
  const opened: { nodeId: string; watched: WatchedDriver }[] = []

  const open = async (nodeId = 'node-a'): Promise<WatchedDriver> => {
    const watched = watch(await world.open())
    opened.push({ nodeId, watched })
    await watched.bind({ clusterId, nodeId })
    return watched
  }
  const cast: Cast = {
    open,
    key: () => ({ taskId: `t-${randomLetters()}`, attempt: 1 }),
    start: (driver, key, spec, signal = new AbortController().signal) =>
      driver.start(key, typeof spec === 'string' ? world.spec(spec, key) : spec, signal),
    output,
    printed: async (driver, key, stdout) => {
      let last = ''
      await eventually(`${key.taskId} has printed ${JSON.stringify(stdout)}`, async () => {
        last = (await output(driver, key)).stdout
        return last === stdout ? true : undefined
      })
    },
  }
  try {
    await body(cast)
  } finally {
    for (const nodeId of new Set(opened.map((each) => each.nodeId))) {
      const { driver } = await open(nodeId)
      for (const key of await driver.list()) await driver.remove(key)
    }
    await Promise.all(opened.map(({ watched }) => watched.driver.close()))
  }
}

type Scope = Parameters<Driver['watch']>[0]

function watch(driver: Driver): WatchedDriver & { bind(scope: Scope): Promise<void> } {
  const events: DriverEvent[] = []
  const eventsOf = (key: AttemptKey): DriverEvent[] =>
    events.filter((event) => 'key' in event && event.key.taskId === key.taskId && event.key.attempt === key.attempt)
  const told = (key: AttemptKey, ...types: DriverEvent['type'][]): Promise<DriverEvent> =>
    eventually(`${key.taskId} is told to be ${types.join(' or ')}`, () =>
      eventsOf(key).find((event) => types.includes(event.type)),
    )
  return {
    driver,
    eventsOf,
    told,
    ended: (key) => told(key, 'Exited', 'StartFailed', 'Lost'),
    bind: (scope) => driver.watch(scope, (event) => events.push(event)),
  }
}

async function output(
  driver: Driver,
  key: AttemptKey,
  options: { readonly follow?: boolean; readonly signal?: AbortSignal } = {},
): Promise<{ stdout: string; stderr: string }> {
  const got = { stdout: '', stderr: '' }
  const signal = options.signal ?? new AbortController().signal
  for await (const chunk of driver.logs(key, { follow: options.follow ?? false, signal })) {
    got[chunk.stream] += Buffer.from(chunk.data).toString()
  }
  return got
}

/** The first answer that is not undefined; asks every 10 ms and gives up after `patienceMs`. */
async function eventually<T>(what: string, ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + patienceMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > deadlineMs) throw new Error(`Waited ${patienceMs} ms in vain until ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function randomLetters(): string {
  return Array.from(
    crypto.getRandomValues(new Uint8Array(10)),
    (byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte & 31],
  ).join('')
}
