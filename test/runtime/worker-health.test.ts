/** Health checks on a worker: when they are made, what is reported of them, and what a restart keeps. Time is by hand. */
import { describe, expect, test } from 'vitest'
import type { Health, HealthCheck, Probed } from '../../actors/health.ts'
import type { TaskSpec } from '../../actors/model.ts'
import type { ContainerHealth, Driver, ExecRequest, ExecResult } from '../../runtime/drivers/driver.ts'
import type { HttpProbe, Prober } from '../../runtime/health/prober.ts'
import { key, type Life, Stage, settle, spec, until } from './worker-fixture.ts'
import { worldDriver } from './worker-world.ts'

const a = key('task-a')
const refused: Probed = { passed: false, detail: 'refused' }

/** A network whose answers a test decides on, and which remembers what it was asked when. */
class Network implements Prober {
  answer: Probed | 'never' = { passed: true }
  readonly asked: { readonly atMs: number; readonly probe: Partial<HttpProbe> }[] = []
  readonly #nowMs: () => number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  http(probe: HttpProbe): Promise<Probed> {
    return this.#ask(probe)
  }

  tcp(probe: Omit<HttpProbe, 'path' | 'expect'>): Promise<Probed> {
    return this.#ask(probe)
  }

  async #ask(probe: Partial<HttpProbe> & Pick<HttpProbe, 'signal'>): Promise<Probed> {
    this.asked.push({ atMs: this.#nowMs(), probe })
    if (this.answer !== 'never') return this.answer
    return new Promise((resolve) => {
      probe.signal.addEventListener('abort', () => resolve({ passed: false, detail: 'took too long' }))
    })
  }
}

interface Scene {
  readonly stage: Stage
  readonly network: Network
  life: Life
}

const times = { startPeriodMs: 5_000, intervalMs: 2_000, timeoutMs: 500, retries: 3 }

/** A worker that runs one attempt with this check. */
async function scene(
  check: HealthCheck,
  driver?: (inner: Driver) => Driver,
  more: Partial<TaskSpec> = {},
): Promise<Scene> {
  const stage = await Stage.open()
  const network = new Network(() => stage.clock.nowMs())
  const inner = worldDriver(stage.world)
  const drivers = new Map([['process', driver?.(inner) ?? inner]])
  const life = stage.begin({ prober: network, drivers })
  await stage.connected(life)
  stage.manager.want(a, { spec: { ...spec, health: check, ...more } })
  await until('it runs', () => stage.manager.status(a)?.startedAtMs !== undefined)
  return { stage, network, life }
}

/** Lets so much time pass, in steps in which everything that is due happens. */
async function pass({ stage }: Pick<Scene, 'stage'>, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    stage.clock.advance(100)
    await settle(8)
  }
}

const healthOf = ({ stage }: Scene): Health | undefined => stage.manager.status(a)?.health
/** Each health that was reported, once. */
const reported = ({ stage }: Scene): string[] => [
  ...new Set(stage.manager.statuses(a).flatMap(({ health }) => (health ? [`${health.seq} ${health.state}`] : []))),
]

describe('checks over the network', () => {
  test('are made soon within the start period, and at the interval after it', async () => {
    const it = await scene({ kind: 'http', port: 8080, path: '/ready', expect: 204, ...times })
    it.network.answer = refused
    const startedAtMs = it.stage.manager.status(a)?.startedAtMs as number
    await pass(it, 4_500)
    expect(it.network.asked.map(({ atMs }) => atMs - startedAtMs)).toEqual([1_000, 2_000, 3_000, 4_000])
    expect(it.network.asked[0]?.probe).toMatchObject({ host: '127.0.0.1', port: 8080, path: '/ready', expect: 204 })
    expect(healthOf(it)).toBeUndefined()
    it.network.answer = { passed: true }
    await pass(it, 600)
    expect(healthOf(it)).toMatchObject({ seq: 1, state: 'healthy', failures: 0 })
    const before = it.network.asked.length
    await pass(it, 6_000)
    expect(it.network.asked.length - before).toBe(3)
    // Only the change was reported, not each check.
    expect(reported(it)).toEqual(['1 healthy'])
    await it.life.worker.stop()
  })

  test('count once the start period has lasted as long as was asked, whatever the wall clock is set to', async () => {
    const it = await scene({ kind: 'tcp', port: 1, ...times })
    it.stage.clock.skewMs -= 600_000
    it.network.answer = refused
    await pass(it, 12_500)
    expect(healthOf(it)).toMatchObject({ state: 'failed', failures: 3 })
    await it.life.worker.stop()
  })

  test('that fail in a row give it up, and then are made no more', async () => {
    const it = await scene({ kind: 'tcp', port: 1, ...times })
    await pass(it, 1_500)
    it.network.answer = refused
    await pass(it, 2_000)
    expect(healthOf(it)).toMatchObject({ state: 'unhealthy', failures: 1, detail: 'refused' })
    await pass(it, 4_000)
    expect(healthOf(it)).toMatchObject({ state: 'failed', failures: 3 })
    expect(reported(it)).toEqual(['1 healthy', '2 unhealthy', '3 failed'])
    const { length } = it.network.asked
    await pass(it, 10_000)
    expect(it.network.asked).toHaveLength(length)
    expect(it.stage.world.stops).toEqual([])
    await it.life.worker.stop()
  })

  test('that take too long have failed', async () => {
    const it = await scene({ kind: 'tcp', port: 1, ...times, startPeriodMs: 0 })
    it.network.answer = 'never'
    await pass(it, 2_400)
    expect(healthOf(it)).toBeUndefined()
    await pass(it, 200)
    expect(healthOf(it)).toMatchObject({ state: 'unhealthy', detail: 'took too long' })
    await it.life.worker.stop()
  })

  test('of attempts that started together are spread, and none comes later than at the interval', async () => {
    const it = await scene({ kind: 'tcp', port: 1, ...times, startPeriodMs: 0 })
    const health: HealthCheck = { kind: 'tcp', port: 2, ...times, startPeriodMs: 0 }
    const many = Array.from({ length: 40 }, (_, index) => key(`many-${index}`))
    for (const each of many) it.stage.manager.want(each, { spec: { ...spec, health } })
    const start = (each: typeof a) => it.stage.manager.status(each)?.startedAtMs
    await until('all run', () => many.every((each) => start(each) !== undefined))
    const startedAtMs = Math.max(...many.map((each) => start(each) as number))
    await pass(it, 2_100)
    const firstMs = it.network.asked.filter(({ probe }) => probe.port === 2).map(({ atMs }) => atMs - startedAtMs)
    expect(firstMs).toHaveLength(many.length)
    expect(Math.min(...firstMs)).toBeGreaterThanOrEqual(900)
    expect(Math.max(...firstMs)).toBeLessThanOrEqual(2_000)
    expect(new Set(firstMs).size).toBeGreaterThanOrEqual(6)
    await it.life.worker.stop()
  })

  test('end with the attempt', async () => {
    const it = await scene({ kind: 'tcp', port: 1, ...times })
    await pass(it, 1_500)
    it.stage.world.exit(a, 0)
    await until('its end is reported', () => it.stage.manager.status(a)?.end !== undefined)
    const { length } = it.network.asked
    await pass(it, 5_000)
    expect(it.network.asked).toHaveLength(length)
    await it.life.worker.stop()
  })

  test('go on after a restart of the worker, without a new start period for what was well', async () => {
    const it = await scene({ kind: 'tcp', port: 1, ...times, startPeriodMs: 60_000 })
    await pass(it, 1_500)
    expect(healthOf(it)?.state).toBe('healthy')
    it.life.kill()
    it.network.answer = refused
    it.life = it.stage.begin({ prober: it.network })
    await it.stage.connected(it.life)
    await pass(it, 2_500)
    expect(healthOf(it)).toMatchObject({ seq: 2, state: 'unhealthy', failures: 1 })
    await pass(it, 4_000)
    expect(healthOf(it)).toMatchObject({ seq: 3, state: 'failed' })
    it.life.kill()
    it.life = it.stage.begin({ prober: it.network })
    await it.stage.connected(it.life)
    const { length } = it.network.asked
    await pass(it, 5_000)
    expect(it.network.asked).toHaveLength(length)
    expect(healthOf(it)?.state).toBe('failed')
    await it.life.worker.stop()
  })

  test('are made where the driver says that it is, and fail where there is no such place', async () => {
    let address: string | undefined = '172.17.0.9'
    const it = await scene({ kind: 'tcp', port: 1, ...times, startPeriodMs: 0 }, (inner) => ({
      ...inner,
      address: async () => address,
    }))
    await pass(it, 2_100)
    expect(it.network.asked[0]?.probe.host).toBe('172.17.0.9')
    address = undefined
    await pass(it, 2_100)
    expect(healthOf(it)).toMatchObject({ state: 'unhealthy', detail: expect.stringContaining('no address') })
    await it.life.worker.stop()
  })

  test('are made at the port that the attempt was given, if it is on the worker’s own network', async () => {
    const ports = [
      { target: 53, host: 20_001, protocol: 'udp' as const },
      { target: 80, host: 20_002 },
    ]
    const portAsked = async (port: number, address?: string) => {
      const driver = (inner: Driver) => (address === undefined ? inner : { ...inner, address: async () => address })
      const it = await scene({ kind: 'tcp', port, ...times }, driver, { ports })
      expect(it.stage.manager.status(a)?.ports).toEqual([
        { host: 20_001, protocol: 'udp' },
        { host: 20_002, protocol: 'tcp' },
      ])
      await pass(it, 1_100)
      await it.life.worker.stop()
      return it.network.asked[0]?.probe.port
    }
    expect(await portAsked(80)).toBe(20_002)
    expect(await portAsked(53)).toBe(53)
    expect(await portAsked(80, '127.0.0.1')).toBe(20_002)
    expect(await portAsked(80, '172.17.0.9')).toBe(80)
  })

  test('of an engine that cannot be asked prove nothing', async () => {
    const it = await scene({ kind: 'tcp', port: 1, ...times, startPeriodMs: 0 }, (inner) => ({
      ...inner,
      address: async () => {
        throw new Error('the engine is away')
      },
    }))
    await pass(it, 10_000)
    expect(healthOf(it)).toBeUndefined()
    await it.life.worker.stop()
  })
})

describe('checks by command', () => {
  const check: HealthCheck = { kind: 'command', command: ['ready', '--deep'], ...times, startPeriodMs: 0 }
  const running = (results: ExecResult[], asked: ExecRequest[]) => (inner: Driver) => ({
    ...inner,
    exec: async (_key: unknown, request: ExecRequest) => {
      asked.push(request)
      return results.shift() ?? { exitCode: 0, output: '' }
    },
  })

  test('run it with what the attempt was started from, and count its code', async () => {
    const asked: ExecRequest[] = []
    const it = await scene(check, running([{ exitCode: 7, output: 'no database' }], asked))
    await pass(it, 2_100)
    expect(asked[0]).toMatchObject({ command: check.command, spec: { command: spec.command }, timeoutMs: 500 })
    expect(healthOf(it)).toMatchObject({ state: 'unhealthy', detail: 'ready exited with code 7: no database' })
    await pass(it, 2_100)
    expect(healthOf(it)?.state).toBe('healthy')
    await it.life.worker.stop()
  })

  test('say why there was no code', async () => {
    const it = await scene(check, running([{ exitCode: undefined, output: 'took longer than 500 ms' }], []))
    await pass(it, 2_100)
    expect(healthOf(it)?.detail).toBe('ready took longer than 500 ms')
    await it.life.worker.stop()
  })

  test('fail where the driver cannot run commands', async () => {
    const it = await scene(check)
    await pass(it, 2_100)
    expect(healthOf(it)?.detail).toContain('runs no commands')
    await it.life.worker.stop()
  })
})

describe('the check of the container itself', () => {
  const check = { kind: 'container', ...times } as const
  const saying = (health: () => ContainerHealth | undefined) => (inner: Driver) => ({
    ...inner,
    health: async () => health(),
  })

  test('is taken as it is: the engine has counted already', async () => {
    let state: ContainerHealth['state'] = 'starting'
    const it = await scene(
      check,
      saying(() => ({ state, detail: 'exit 1' })),
    )
    await pass(it, 8_000)
    expect(healthOf(it)).toBeUndefined()
    state = 'healthy'
    await pass(it, 2_100)
    expect(healthOf(it)?.state).toBe('healthy')
    state = 'unhealthy'
    await pass(it, 2_100)
    expect(healthOf(it)).toMatchObject({ state: 'failed', failures: 1, detail: 'exit 1' })
    await it.life.worker.stop()
  })

  test('that does not exist is said at once', async () => {
    const it = await scene(
      check,
      saying(() => undefined),
    )
    await pass(it, 1_100)
    expect(healthOf(it)).toMatchObject({ state: 'failed', detail: expect.stringContaining('no HEALTHCHECK') })
    await it.life.worker.stop()
  })
})
