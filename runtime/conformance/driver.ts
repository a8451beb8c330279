/**
 * What every driver must do, whatever runs its attempts. An adapter's test gives it `{ test, expect }` of its test
 * runner and an `AttemptWorld`: ways to open drivers over one engine, and specs that its engine can run.
 *
 * The engine may be shared with others: each test binds its drivers to a cluster of its own and uses fresh task ids.
 */
import type { AttemptKey, TaskSpec } from '../../actors/model.ts'
import type { Driver } from '../drivers/driver.ts'
import { type Cast, withCast } from './driver-cast.ts'
import { figures } from './driver-stats.ts'

/** What a spec must do. `shellScripts` says each of them for an engine that has a Bourne shell. */
export type SpecKind =
  /** Ends with code 0 at once. */
  | 'exit-0'
  /** Ends with code 3 at once. */
  | 'exit-3'
  /** Writes `to-stdout\n` and `to-stderr\n` to the streams of those names, then ends with code 0. */
  | 'print-both'
  /** Writes `ready\n` to stdout, then runs for minutes; TERM ends it with code 143. */
  | 'sleep-long'
  /** Makes itself deaf to TERM, writes `ready\n` to stdout, then runs for minutes. */
  | 'ignore-term'
  /** Writes 100,000 times the byte `x` to stdout, then ends with code 0. */
  | 'print-much'
  /** Leaves one mark that `runsOf` counts, writes `ready\n` to stdout, then runs for minutes; TERM ends it. */
  | 'leave-mark'
  /** Writes `ready\n` to stdout, then uses CPU for minutes; asked of drivers that tell what attempts use. */
  | 'use-cpu'
  /** Names a command that does not exist. */
  | 'no-such-command'

/** Each kind as a script for `sh -c`; `leave-mark` and `no-such-command` are the adapter's own. */
export const shellScripts = {
  'exit-0': 'exit 0',
  'exit-3': 'exit 3',
  'print-both': 'echo to-stdout; echo to-stderr >&2',
  'sleep-long': 'echo ready; exec sleep 300',
  'ignore-term': "trap '' TERM; echo ready; sleep 300; sleep 300",
  'use-cpu': 'echo ready; while :; do :; done',
  'print-much': 'head -c 100000 /dev/zero | tr "\\0" x',
} as const satisfies Partial<Record<SpecKind, string>>

/** Where a driver is opened for the suite, and what it has really done there. */
export interface AttemptWorld {
  /** Opens one more driver over the same engine and the same state, as a restarted worker would. Not yet watched. */
  open(): Driver | Promise<Driver>
  /** What to give `start` for this kind. `key` is the attempt it will be used for. */
  spec(kind: SpecKind, key: AttemptKey): TaskSpec
  /** How often the attempt, of kind `leave-mark`, really began to run. */
  runsOf(key: AttemptKey): number | Promise<number>
}

/** The part of vitest's `test` and `expect` that the suite uses. */
export interface ConformanceTools {
  test(name: string, body: () => Promise<void>, timeoutMs?: number): unknown
  expect(
    actual: unknown,
    message?: string,
  ): {
    toBe(expected: unknown): void
    toEqual(expected: unknown): void
    toMatchObject(expected: Record<string, unknown>): void
    toBeLessThanOrEqual(most: number): void
    toBeGreaterThanOrEqual(least: number): void
  }
}

/** Each test's limit in milliseconds: far above what a busy machine needs, for engines are slow. */
const testTimeoutMs = 60_000

/** Defines the suite's tests with `tools.test`. They may run one after the other or at once. */
export function driverConformance(tools: ConformanceTools, world: AttemptWorld): void {
  const define = (name: string, body: (cast: Cast) => Promise<void>): void => {
    tools.test(name, () => withCast(world, body), testTimeoutMs)
  }
  lives(define, tools)
  starts(define, tools, world)
  stops(define, tools)
  removals(define, tools)
  adoptions(define, tools)
  outputs(define, tools)
  commands(define, tools, world)
  figures(define, tools)
}

/** Defines one test, with a fresh cast. */
export type Define = (name: string, body: (cast: Cast) => Promise<void>) => void

function lives(define: Define, { expect }: ConformanceTools): void {
  define('probe: a driver whose engine answers is complete and says so in a sentence', async (cast) => {
    const probe = await (await cast.open()).driver.probe()
    expect(probe.state, probe.detail).toBe('complete')
    expect(probe.detail.length).toBeGreaterThanOrEqual(1)
  })

  define('life: Started, then Exited with code 0, listed until it is removed', async (cast) => {
    const { driver, eventsOf, ended } = await cast.open()
    const key = cast.key()
    expect(await driver.list()).toEqual([])
    await cast.start(driver, key, 'exit-0')
    const end = await ended(key)
    expect(end).toMatchObject({ type: 'Exited', key, exitCode: 0 })
    const kinds = eventsOf(key).map((event) => event.type)
    expect(kinds.indexOf('Started'), 'Started is told before Exited').toBeLessThanOrEqual(kinds.indexOf('Exited'))
    expect(kinds.includes('Started') || (end.type === 'Exited' && end.startedAtMs !== undefined)).toBe(true)
    expect(await driver.list()).toEqual([key])
    await driver.remove(key)
    expect(await driver.list()).toEqual([])
  })

  define('life: the exit code is told as it is', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'exit-3')
    expect(await ended(key)).toMatchObject({ type: 'Exited', exitCode: 3 })
  })

  define('scope: a driver lists, stops and removes only what bears its own node', async (cast) => {
    const mine = await cast.open('node-a')
    const other = await cast.open('node-b')
    const key = cast.key()
    await cast.start(mine.driver, key, 'sleep-long')
    await mine.told(key, 'Started')
    expect(await other.driver.list()).toEqual([])
    await other.driver.stop(key, 0)
    await other.driver.remove(key)
    expect(other.eventsOf(key)).toEqual([])
    expect(await mine.driver.list()).toEqual([key])
    expect(mine.eventsOf(key).map((event) => event.type)).toEqual(['Started'])
  })
}

function starts(define: Define, { expect }: ConformanceTools, world: AttemptWorld): void {
  define('start: repeated at once, later, and by another driver, it runs once', async (cast) => {
    const first = await cast.open()
    const key = cast.key()
    await Promise.all([1, 2, 3].map(() => cast.start(first.driver, key, 'leave-mark')))
    await first.told(key, 'Started')
    await cast.start(first.driver, key, 'leave-mark')
    const second = await cast.open()
    await cast.start(second.driver, key, 'leave-mark')
    await second.told(key, 'Started')
    await cast.printed(second.driver, key, 'ready\n')
    expect(await world.runsOf(key)).toBe(1)
    await second.driver.stop(key, 5_000)
    await second.ended(key)
    await cast.start(second.driver, key, 'leave-mark')
    expect(await world.runsOf(key), 'a start after the end runs nothing').toBe(1)
    expect(second.eventsOf(key).at(-1)?.type).toBe('Exited')
  })

  define('start: a command that does not exist fails for good and can be removed', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'no-such-command')
    expect(await ended(key)).toMatchObject({ type: 'StartFailed', code: 'no-such-command', retryable: false })
    await driver.remove(key)
    expect(await driver.list()).toEqual([])
  })

  define('start: aborted before it began, it fails as retryable and runs nothing', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'leave-mark', AbortSignal.abort())
    expect(await ended(key)).toMatchObject({ type: 'StartFailed', code: 'start-failed', retryable: true })
    expect(await world.runsOf(key)).toBe(0)
  })
}

function stops(define: Define, { expect }: ConformanceTools): void {
  define('stop: TERM ends what heeds it, long before the grace is over', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'sleep-long')
    await cast.printed(driver, key, 'ready\n')
    await driver.stop(key, 45_000)
    expect(await ended(key)).toMatchObject({ type: 'Exited', exitCode: 143 })
    await driver.stop(key, 45_000)
  })

  define('stop: KILL ends what is deaf to TERM, and not before the grace is over', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'ignore-term')
    await cast.printed(driver, key, 'ready\n')
    const askedAtMs = performance.now()
    await driver.stop(key, 1_000)
    expect(await ended(key)).toMatchObject({ type: 'Exited', exitCode: 137 })
    expect(performance.now() - askedAtMs).toBeGreaterThanOrEqual(950)
  })

  define('stop: a second call with a shorter grace shortens it', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'ignore-term')
    await cast.printed(driver, key, 'ready\n')
    await driver.stop(key, 600_000)
    await driver.stop(key, 100)
    expect(await ended(key)).toMatchObject({ type: 'Exited', exitCode: 137 })
  })

  define('stop: a second call with a longer grace does not lengthen it', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'ignore-term')
    await cast.printed(driver, key, 'ready\n')
    await driver.stop(key, 500)
    await driver.stop(key, 600_000)
    expect(await ended(key)).toMatchObject({ type: 'Exited', exitCode: 137 })
  })

  define('unknown: stop and remove of what never was resolve, and its logs are empty', async (cast) => {
    const { driver } = await cast.open()
    const key = cast.key()
    await driver.stop(key, 1_000)
    await driver.remove(key)
    expect(await cast.output(driver, key)).toEqual({ stdout: '', stderr: '' })
    expect(await cast.output(driver, key, { follow: true })).toEqual({ stdout: '', stderr: '' })
  })
}

function removals(define: Define, { expect }: ConformanceTools): void {
  define('remove: what still runs is ended and gone, and removing it again resolves', async (cast) => {
    const { driver } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'ignore-term')
    await Promise.all([driver.remove(key), driver.remove(key)])
    expect(await driver.list()).toEqual([])
    await driver.remove(key)
    const later = await cast.open()
    expect(later.eventsOf(key)).toEqual([])
  })
}

function adoptions(define: Define, { expect }: ConformanceTools): void {
  define('adoption: a driver opened after another was left behind tells Started, and then the end', async (cast) => {
    const left = await cast.open()
    const key = cast.key()
    await cast.start(left.driver, key, 'sleep-long')
    const { driver, eventsOf, ended } = await cast.open()
    expect(
      eventsOf(key).map((event) => event.type),
      'told before watch resolved',
    ).toEqual(['Started'])
    expect(await driver.list()).toEqual([key])
    await cast.printed(driver, key, 'ready\n')
    await driver.stop(key, 10_000)
    expect(await ended(key)).toMatchObject({ type: 'Exited', exitCode: 143 })
  })

  define('adoption: attempts outlive a driver that is closed', async (cast) => {
    const closed = await cast.open()
    const key = cast.key()
    await cast.start(closed.driver, key, 'sleep-long')
    await closed.driver.close()
    const { eventsOf } = await cast.open()
    expect(eventsOf(key).map((event) => event.type)).toEqual(['Started'])
  })

  define('adoption: what ended while nobody watched is told, with its code and its start', async (cast) => {
    const away = await cast.open()
    const observer = await cast.open()
    const key = cast.key()
    await cast.start(away.driver, key, 'exit-3')
    await away.driver.close()
    await observer.ended(key)
    await observer.driver.close()
    const back = await cast.open()
    const last = back.eventsOf(key).at(-1)
    expect(last).toMatchObject({ type: 'Exited', key, exitCode: 3 })
    expect(last?.type === 'Exited' && typeof last.startedAtMs === 'number').toBe(true)
  })
}

function outputs(define: Define, { expect }: ConformanceTools): void {
  const both = { stdout: 'to-stdout\n', stderr: 'to-stderr\n' }

  define('logs: the streams are told apart after the end, by another driver, and after remove', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'print-both')
    await ended(key)
    expect(await cast.output(driver, key)).toEqual(both)
    expect(await cast.output(driver, key, { follow: true })).toEqual(both)
    const later = await cast.open()
    expect(await cast.output(later.driver, key)).toEqual(both)
    await driver.remove(key)
    expect(await cast.output(driver, key)).toEqual(both)
    expect(await cast.output(later.driver, key, { follow: true })).toEqual(both)
  })

  define('logs: live, and with follow they go on until the end', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'sleep-long')
    const following = cast.output(driver, key, { follow: true })
    await cast.printed(driver, key, 'ready\n')
    await driver.stop(key, 10_000)
    await ended(key)
    expect(await following).toEqual({ stdout: 'ready\n', stderr: '' })
  })

  define('logs: an abort ends a follower of what still runs', async (cast) => {
    const { driver } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'sleep-long')
    await cast.printed(driver, key, 'ready\n')
    const abort = new AbortController()
    const following = cast.output(driver, key, { follow: true, signal: abort.signal })
    abort.abort()
    const got = await following
    expect(['', 'ready\n'].includes(got.stdout)).toBe(true)
  })

  define('logs: chunks are at most 16 KiB and nothing of a long output is missing', async (cast) => {
    const { driver, ended } = await cast.open()
    const key = cast.key()
    await cast.start(driver, key, 'print-much')
    await ended(key)
    let bytes = 0
    for await (const chunk of driver.logs(key, { follow: false, signal: new AbortController().signal })) {
      expect(chunk.data.byteLength).toBeLessThanOrEqual(16 * 1_024)
      expect(chunk.lostBytes).toBe(undefined)
      bytes += chunk.data.byteLength
    }
    expect(bytes).toBe(100_000)
  })
}

/** A driver without `exec` promises none of this. */
function commands(define: Define, { expect }: ConformanceTools, world: AttemptWorld): void {
  const begun = async (cast: Cast) => {
    const { driver } = await cast.open()
    const key = cast.key()
    const spec = { ...world.spec('sleep-long', key), env: { COLOUR: 'a=b  c', TROUPE_ATTEMPT: '7' } }
    await cast.start(driver, key, spec)
    await cast.printed(driver, key, 'ready\n')
    const signal = new AbortController().signal
    const exec = async (script: string, timeoutMs = 20_000) =>
      driver.exec?.(key, { command: ['sh', '-c', script], spec, timeoutMs, signal })
    return { driver, key, exec, runs: driver.exec !== undefined }
  }

  define('exec: it is there if the driver says so', async (cast) => {
    const { driver } = await cast.open()
    expect(driver.exec !== undefined).toBe(driver.supports.exec)
  })

  define('exec: a command beside an attempt, with its code and its output on one line', async (cast) => {
    const { driver, key, exec, runs } = await begun(cast)
    if (!runs) return
    expect(await exec('echo fine; echo well >&2; exit 3')).toMatchObject({ exitCode: 3 })
    expect(await exec('echo "$COLOUR|$TROUPE_ATTEMPT"')).toEqual({ exitCode: 0, output: 'a=b c|7' })
    expect((await exec('yes | head -c 100000'))?.output.length).toBeLessThanOrEqual(512)
    expect(await driver.list()).toEqual([key])
  })

  define('exec: where ports were given, what runs is told of them as of any variable', async (cast) => {
    const { driver } = await cast.open()
    const key = cast.key()
    const host = 20_000 + Math.floor(Math.random() * 12_000)
    const given = { ports: [{ target: 80, host }], env: { TROUPE_PORT_80: String(host) } }
    const spec = { ...world.spec('sleep-long', key), ...given }
    await cast.start(driver, key, spec)
    await cast.printed(driver, key, 'ready\n')
    const request = { spec, timeoutMs: 20_000, signal: new AbortController().signal }
    const told = await driver.exec?.(key, { ...request, command: ['sh', '-c', 'echo "$TROUPE_PORT_80"'] })
    expect(told?.output ?? String(host)).toBe(String(host))
  })

  define('exec: what takes too long has no code, and what cannot be run neither says it did', async (cast) => {
    const { driver, key, exec, runs } = await begun(cast)
    if (!runs) return
    expect((await exec('sleep 300', 500))?.exitCode).toBe(undefined)
    const request = { spec: world.spec('sleep-long', key), timeoutMs: 20_000, signal: new AbortController().signal }
    const missing = await driver.exec?.(key, { ...request, command: ['no-such-command-of-troupe'] })
    expect(missing?.exitCode === 0).toBe(false)
    expect((missing?.output ?? '').length).toBeGreaterThanOrEqual(1)
  })

  define('exec: beside what has ended it is refused', async (cast) => {
    const { driver, key, exec, runs } = await begun(cast)
    if (!runs) return
    await driver.stop(key, 0)
    const refused = async () => {
      for (;;) {
        try {
          await exec('exit 0')
        } catch (error) {
          return (error as Error).message
        }
      }
    }
    expect((await refused()).length).toBeGreaterThanOrEqual(1)
  })
}
