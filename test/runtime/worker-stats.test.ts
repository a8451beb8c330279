/** What a worker measures, of its attempts and of its machine: only when asked, and never more than it can. */
import { expect, test } from 'vitest'
import type { AttemptStats } from '../../actors/usage.ts'
import type { MachineReading } from '../../runtime/gauge/gauge.ts'
import { parseBusyMs, parseMemoryInUse } from '../../runtime/gauge/machine.ts'
import { samplingLimits } from '../../runtime/worker/samplings.ts'
import { usageBetween, usageLimits } from '../../runtime/worker/usage.ts'
import { key, type Life, Stage, settle, until } from './worker-fixture.ts'
import { worldDriver } from './worker-world.ts'

const a = key('task-a')
const everyMs = 1_000
const open = { type: 'OpenStats' as const, stream: 's1', ...a, everyMs }

interface Measured {
  readonly stage: Stage
  readonly life: Life
  /** How often the driver was asked. */
  asked: number
  answer: () => AttemptStats | undefined
}

/** A worker whose driver tells what attempts use, with one attempt that runs. */
async function measured(supports = true): Promise<Measured> {
  const stage = await Stage.open()
  const driver = worldDriver(stage.world)
  const drivers = new Map([
    [
      'process',
      supports
        ? {
            ...driver,
            supports: { ...driver.supports, stats: true },
            stats: async () => {
              of.asked += 1
              return of.answer()
            },
          }
        : driver,
    ],
  ])
  const life = stage.begin({ drivers })
  const of: Measured = { stage, life, asked: 0, answer: () => ({ atMs: 1, cpuMs: of.asked, memoryBytes: 1 }) }
  await stage.connected(life)
  stage.manager.want(a)
  await until('it runs', () => stage.manager.status(a)?.startedAtMs !== undefined)
  return of
}

const samples = ({ stage }: Measured) => stage.manager.of('StatsData').map(({ sample }) => sample?.cpuMs)
const ends = ({ stage }: Measured) => stage.manager.of('StatsEnded')

/** Goes on until it holds; time goes on with it. */
const later = (of: Measured, what: string, holds: () => boolean) => until(what, holds, of.stage.clock, everyMs / 4)

test('an attempt is measured from the request on, at its pace, until it is closed', async () => {
  const of = await measured()
  expect(of.asked).toBe(0)
  of.stage.manager.send(open)
  await until('the first has come', () => samples(of).length === 2)
  expect(samples(of)).toEqual([undefined, 1])
  await settle()
  expect(of.asked).toBe(1)
  await later(of, 'two more have come', () => samples(of).length === 4)
  of.stage.manager.send({ type: 'CloseStats', stream: 's1' })
  await settle()
  const { asked } = of
  of.stage.clock.advance(10 * everyMs)
  await settle()
  expect(of.asked).toBe(asked)
  expect(ends(of)).toEqual([])
  await of.life.worker.stop()
})

test('a lost session ends it', async () => {
  const of = await measured()
  of.stage.manager.send(open)
  await until('it is measured', () => samples(of).length === 2)
  of.stage.manager.connection?.close(1001, 'the manager is stopping')
  await settle()
  const { asked } = of
  of.stage.clock.advance(5 * everyMs)
  await settle()
  expect(of.asked).toBe(asked)
  await of.life.worker.stop()
})

test('it ends with the attempt, and of one that is unknown at once', async () => {
  const of = await measured()
  of.stage.manager.send(open, { ...open, stream: 's2', attempt: 7 })
  await until('the unknown has ended', () => ends(of).length === 1)
  expect(ends(of)).toEqual([{ type: 'StatsEnded', stream: 's2' }])
  of.stage.world.exit(a, 0)
  await later(of, 'it has ended', () => ends(of).length === 2)
  expect(ends(of)[1]).toEqual({ type: 'StatsEnded', stream: 's1' })
  await of.life.worker.stop()
})

test('a driver that cannot tell ends it at once, with a code', async () => {
  const of = await measured(false)
  of.stage.manager.send(open)
  await until('it has ended', () => ends(of).length === 1)
  expect(ends(of)).toMatchObject([{ stream: 's1', code: 'Invalid', error: expect.stringContaining('cannot tell') }])
  await of.life.worker.stop()
})

test('an engine that fails now and then is asked again, and one that only fails is given up', async () => {
  const of = await measured()
  const fails = () => {
    throw new Error('the engine is away')
  }
  of.answer = () => (of.asked % 2 === 0 ? fails() : { atMs: 1, cpuMs: of.asked, memoryBytes: 1 })
  of.stage.manager.send(open)
  await later(of, 'samples go on', () => of.asked >= 2 * samplingLimits.failuresMax + 2)
  expect(ends(of)).toEqual([])
  of.answer = fails
  await later(of, 'it is given up', () => ends(of).length === 1)
  expect(ends(of)).toMatchObject([{ code: 'Unavailable', error: expect.stringContaining('the engine is away') }])
  await of.life.worker.stop()
})

test('figures that the wire does not take cost no session', async () => {
  const of = await measured()
  of.answer = () => ({ atMs: 1, cpuMs: 1, memoryBytes: 0.5 })
  of.stage.manager.send(open)
  await later(of, 'it is given up', () => ends(of).length === 1)
  expect(ends(of)).toMatchObject([{ code: 'Unavailable', error: expect.stringContaining('is no sample') }])
  expect(of.stage.manager.sessions).toBe(1)
  await of.life.worker.stop()
})

test('what a driver says beside a sample stays with it, and whatever it throws costs no more than an error', async () => {
  const of = await measured()
  of.answer = () => ({ atMs: 1, cpuMs: 1, memoryBytes: 1, raw: { environment: ['TOKEN=secret'] } }) as AttemptStats
  of.stage.manager.send(open)
  const told = () => of.stage.manager.of('StatsData').flatMap(({ sample }) => sample ?? [])
  await until('it was measured', () => told().length > 0)
  expect(told()).toEqual([{ atMs: 1, cpuMs: 1, memoryBytes: 1 }])
  of.answer = () => {
    throw undefined
  }
  await later(of, 'it is given up', () => ends(of).length === 1)
  expect(ends(of)).toMatchObject([{ code: 'Unavailable', error: expect.stringContaining('could not be measured') }])
  await of.life.worker.stop()
})

test('heartbeats say what the machine uses: first, then when it has changed notably, or is old', async () => {
  const stage = await Stage.open()
  let busyMs = 0
  let memoryBytes = 2 ** 30
  const gauge = { read: async () => ({ cpuBusyMs: busyMs, memoryBytes, load1: 0.5 }) }
  const life = stage.begin({ gauge })
  await stage.connected(life)
  const said = () => stage.manager.of('Heartbeat').flatMap(({ used }) => used ?? [])
  const beats = () => stage.manager.of('Heartbeat').length
  const pass = async (ms: number) => {
    const untilMs = stage.clock.uptimeMs() + ms
    while (stage.clock.uptimeMs() < untilMs) {
      stage.clock.advance(250)
      await settle()
    }
  }
  await pass(4_000)
  expect(said()).toMatchObject([{ cpus: 0, memoryBytes: 2 ** 30, load1: 0.5 }])
  await pass(3 * usageLimits.readMs)
  expect(said()).toHaveLength(1)
  expect(beats()).toBeGreaterThan(10)
  memoryBytes *= 2
  await pass(2 * usageLimits.readMs)
  expect(said()).toHaveLength(2)
  busyMs += 1_000_000
  await pass(2 * usageLimits.readMs)
  expect(said().some(({ cpus }) => cpus > 1)).toBe(true)
  const before = said().length
  await pass(usageLimits.repeatMs + 2 * usageLimits.readMs)
  expect(said().length).toBeGreaterThan(before)
  await life.worker.stop()
})

test('a machine that does not answer is not asked again before it has', async () => {
  const stage = await Stage.open()
  let asked = 0
  let answer: (reading: MachineReading) => void = () => {}
  const gauge = {
    read: () => {
      asked += 1
      return new Promise<MachineReading>((resolve) => {
        answer = resolve
      })
    },
  }
  const life = stage.begin({ gauge })
  await stage.connected(life)
  const beats = () => stage.manager.of('Heartbeat').length
  await until('it was asked', () => asked > 0, stage.clock, 250)
  const before = beats()
  await until('it goes on beating', () => beats() > before + 20, stage.clock, 250)
  expect(asked).toBe(1)
  answer({ cpuBusyMs: 0, memoryBytes: 1, load1: 0 })
  await until('it is asked again', () => asked === 2, stage.clock, 250)
  await life.worker.stop()
})

test('cores are what was busy between two readings', () => {
  const at = (cpuBusyMs: number, atMs: number) => ({ reading: { cpuBusyMs, memoryBytes: 1.4, load1: 0.123 }, atMs })
  expect(usageBetween(at(0, 0), at(5_000, 2_000))).toEqual({ cpus: 2.5, memoryBytes: 1, load1: 0.12 })
  expect(usageBetween(at(5_000, 0), at(0, 2_000))).toMatchObject({ cpus: 0 })
  expect(usageBetween(at(0, 0), at(1, 0))).toBeUndefined()
})

test('the kernel’s own words are read', () => {
  const stat = 'cpu  100 10 30 9000 500 2 3 5 40 0\ncpu0 50 5 15 4500 250 1 1 2 20 0\nintr 1\n'
  expect(parseBusyMs(stat)).toBe((100 + 10 + 30 + 2 + 3 + 5) * 10)
  expect(parseBusyMs('')).toBeUndefined()
  const meminfo = 'MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     400 kB\n'
  expect(parseMemoryInUse(meminfo)).toBe(600 * 1_024)
  expect(parseMemoryInUse('')).toBeUndefined()
})
