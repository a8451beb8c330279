import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { attemptName } from '../../actors/model.ts'
import { readBootId } from '../../runtime/drivers/process/proc.ts'
import { spawnerLimits } from '../../runtime/drivers/process/spawner.ts'
import { isAlive, ProcessWorkshop, pidsWith, scope, spawnerOf, startedPid, until } from './process-fixture.ts'

// Whole processes are started here, which takes long on a machine that others keep busy.
vi.setConfig({ testTimeout: 90_000 })

const workshop = new ProcessWorkshop()
afterAll(() => workshop.clear())

const key = { taskId: 'one', attempt: 1 }
const sleeper = ['/bin/sh', '-c', 'echo ready; exec sleep 300']

/** Leaves in the folder what a spawner of another time would have left. */
function plant(dir: string, name: string, files: Record<string, unknown>): void {
  const folder = join(dir, 'attempts', name)
  mkdirSync(folder, { recursive: true })
  for (const [file, value] of Object.entries(files)) writeFileSync(join(folder, file), JSON.stringify(value))
}

const intentOf = (bootId: string) => ({ ...scope, bootId, atMs: 1 })

async function killSpawner(dir: string): Promise<number> {
  const pid = await until('a spawner runs', () => spawnerOf(dir))
  process.kill(pid, 'SIGKILL')
  await until('it is dead', () => (isAlive(pid) ? undefined : true))
  return pid
}

/** A worker of its own process that starts the command as attempt `one.1` and says so. */
async function startWorker(dir: string, command: string[]): Promise<ChildProcess> {
  const program = `
    import { createProcessDriver } from ${JSON.stringify(pathToFileURL(join(dirname(workshop.spawnerPath), 'driver.js')))}
    const clock = {
      nowMs: Date.now,
      uptimeMs: () => performance.now(),
      setTimer: (callback, ms) => { const timer = setTimeout(callback, ms); return () => clearTimeout(timer) },
    }
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    const driver = createProcessDriver({ dir: ${JSON.stringify(dir)}, clock, logger, spawnerIdleMs: 300 })
    await driver.watch(${JSON.stringify(scope)}, (event) => console.log(event.type))
    const spec = { driver: 'process', command: ${JSON.stringify(command)} }
    await driver.start(${JSON.stringify(key)}, spec, new AbortController().signal)
  `
  const worker = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let told = ''
  worker.stdout.on('data', (text) => {
    told += text
  })
  // A spawner that is slow to come is told of first.
  await until('it was started', () => (told.includes('Started') ? true : undefined))
  return worker
}

describe('a worker that is killed', () => {
  test('leaves its task running, and the next one adopts it and gets its code', async () => {
    const dir = workshop.dir()
    const gate = join(dir, 'gate')
    const worker = await startWorker(dir, ['/bin/sh', '-c', `until [ -e ${gate} ]; do sleep 0.05; done; exit 9`])
    worker.kill('SIGKILL')
    await once(worker, 'exit')
    const pid = startedPid(dir, 'one.1')
    const next = await workshop.watch(dir)
    await until('it is adopted', () => next.types(key)[0])
    expect(next.types(key)).toEqual(['Started'])
    expect(isAlive(pid)).toBe(true)
    writeFileSync(gate, '')
    expect(await next.ended(key)).toMatchObject({ type: 'Exited', exitCode: 9 })
  })

  test('is told by the next one of what ended meanwhile, even after the spawner left', async () => {
    const dir = workshop.dir()
    const worker = await startWorker(dir, ['/bin/sh', '-c', 'echo done; sleep 0.3; exit 6'])
    worker.kill('SIGKILL')
    await until('it ended', () => (existsSync(join(dir, 'attempts/one.1/end')) ? true : undefined))
    await until('the spawner left', () => (spawnerOf(dir) === undefined ? true : undefined))
    const next = await workshop.watch(dir)
    await until('its end is told', () => next.types(key)[0])
    expect(next.types(key)).toEqual(['Exited'])
    expect(await next.ended(key)).toMatchObject({ exitCode: 6, startedAtMs: expect.any(Number) })
    expect(await next.output(key)).toEqual({ stdout: 'done\n', stderr: '' })
    await next.driver.remove(key)
    expect(readdirSync(join(dir, 'attempts'))).toEqual([])
  })
})

describe('a spawner that is killed', () => {
  test('leaves its task running; the next one watches it, and its end is Lost', async () => {
    const dir = workshop.dir()
    const { driver, run, types, ended, events } = await workshop.watch(dir)
    await run(key, sleeper)
    const pid = startedPid(dir, 'one.1')
    const old = await killSpawner(dir)
    const killedAtMs = performance.now()
    expect(await until('another spawner runs', () => spawnerOf(dir))).not.toBe(old)
    expect(await driver.list()).toEqual([key])
    const tookMs = performance.now() - killedAtMs
    expect(isAlive(pid)).toBe(true)
    process.kill(pid, 'SIGKILL')
    expect(await ended(key)).toMatchObject({ type: 'Lost', message: expect.stringContaining('exit code is not known') })
    expect(types(key)).toEqual(['Started', 'Lost'])
    // A spawner that is there again at once is worth no word; on a machine that is too slow for that, it is.
    if (tookMs < spawnerLimits.attachMs / 2) expect(events.some(({ type }) => type === 'Availability')).toBe(false)
    await driver.remove(key)
    expect(await driver.list()).toEqual([])
  })

  test('does not spare what is being stopped: the grace goes on', async () => {
    const dir = workshop.dir()
    const { driver, run, ended, output } = await workshop.watch(dir)
    await run(key, ['/bin/sh', '-c', "trap '' TERM; echo ready; sleep 300; sleep 300"])
    await until('ready', async () => ((await output(key)).stdout === 'ready\n' ? true : undefined))
    const pid = startedPid(dir, 'one.1')
    await driver.stop(key, 1_000)
    await killSpawner(dir)
    expect(isAlive(pid)).toBe(true)
    expect(await ended(key)).toMatchObject({ type: 'Lost' })
    expect(isAlive(pid)).toBe(false)
  })

  test('leaves what it had removed the half of to the next removal', async () => {
    const dir = workshop.dir()
    const first = await workshop.watch(dir)
    await first.run(key, sleeper)
    await killSpawner(dir)
    await first.driver.remove(key)
    expect(pidsWith(`TROUPE_REF=c1/${scope.nodeId}/one.1`)).toEqual([])
    expect(existsSync(join(dir, 'attempts/one.1'))).toBe(false)
  })

  test('at any moment of many starts and ends: each runs at most once, and each end is told', async () => {
    const dir = workshop.dir()
    const marks = join(dir, 'marks')
    writeFileSync(marks, '')
    const { driver, run, ended } = await workshop.watch(dir)
    const keys = Array.from({ length: 60 }, (_, index) => ({ taskId: `t-${index}`, attempt: 1 }))
    let killing = true
    const killer = (async () => {
      for (let kills = 0; killing && kills < 12; kills++) {
        await new Promise((resolve) => setTimeout(resolve, 15 * kills))
        await killSpawner(dir)
      }
    })()
    const starts = keys.map(async (each, index) => {
      await new Promise((resolve) => setTimeout(resolve, index * 20))
      await run(each, ['/bin/sh', '-c', `echo ${each.taskId} >> ${marks}; exit 3`])
      return ended(each)
    })
    const ends = await Promise.all(starts)
    killing = false
    await killer
    const began = readFileSync(marks, 'utf8').trim().split('\n')
    expect(began.length, 'no attempt began twice').toBe(new Set(began).size)
    for (const [index, end] of ends.entries()) {
      if (end.type === 'Exited') expect(end.exitCode).toBe(3)
      else expect(end, `the end of ${keys[index]?.taskId}`).toMatchObject({ type: 'Lost' })
    }
    for (const each of keys) await run(each, ['/bin/sh', '-c', `echo ${each.taskId} >> ${marks}`])
    expect(readFileSync(marks, 'utf8').trim().split('\n').sort()).toEqual(began.sort())
    expect((await driver.list()).length).toBe(keys.length)
    await Promise.all(keys.map((each) => driver.remove(each)))
    expect(readdirSync(join(dir, 'attempts'))).toEqual([])
    expect(readdirSync(join(dir, 'trash'))).toEqual([])
  })
})

describe('what an earlier time left', () => {
  test('a marker without a proof of a start is Lost, never a second start, and what bears its mark is gone', async () => {
    const dir = workshop.dir()
    plant(dir, 'one.1', { intent: intentOf(readBootId()) })
    const env = { ...process.env, TROUPE_REF: `c1/${scope.nodeId}/one.1` }
    const stray = spawn('sleep', ['300'], { env, detached: true, stdio: 'ignore' })
    const { run, types } = await workshop.watch(dir)
    expect(types(key)).toEqual(['Lost'])
    expect(isAlive(stray.pid as number)).toBe(false)
    await run(key, ['/bin/sh', '-c', `touch ${dir}/ran`])
    expect(types(key)).toEqual(['Lost', 'Lost'])
    expect(existsSync(join(dir, 'ran'))).toBe(false)
  })

  test('before the machine was restarted is Lost, even if a process has that pid now', async () => {
    const dir = workshop.dir()
    const started = { bootId: 'another', pid: process.pid, startTicks: 1, atMs: 2 }
    plant(dir, 'one.1', { intent: intentOf('another'), started })
    const { ended } = await workshop.watch(dir)
    expect(await ended(key)).toMatchObject({ type: 'Lost', message: 'The machine was restarted while it ran.' })
  })

  test('a pid that went to another process is not taken for the task, nor killed', async () => {
    const dir = workshop.dir()
    const innocent = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' })
    const pid = innocent.pid as number
    plant(dir, 'one.1', {
      intent: intentOf(readBootId()),
      started: { bootId: readBootId(), pid, startTicks: 1, atMs: 2 },
    })
    const { driver, ended } = await workshop.watch(dir)
    expect(await ended(key)).toMatchObject({ type: 'Lost', message: expect.stringContaining('no spawner ran') })
    await driver.stop(key, 0)
    await driver.remove(key)
    expect(isAlive(pid)).toBe(true)
    innocent.kill('SIGKILL')
  })

  test('a folder without its marker never forked, so it may start', async () => {
    const dir = workshop.dir()
    mkdirSync(join(dir, 'attempts', attemptName(key)), { recursive: true })
    writeFileSync(join(dir, 'attempts', attemptName(key), 'intent'), '{"clusterId":"c1"')
    const { run, ended, types } = await workshop.watch(dir)
    expect(types(key)).toEqual([])
    await run(key, ['/bin/sh', '-c', 'exit 3'])
    expect(await ended(key)).toMatchObject({ type: 'Exited', exitCode: 3 })
  })

  test('half of a removal is finished by the next: the output is kept and the trash is emptied', async () => {
    const dir = workshop.dir()
    const ended = { kind: 'exited', exitCode: 0, atMs: 3 }
    plant(dir, 'one.1', { intent: intentOf(readBootId()), end: ended })
    writeFileSync(join(dir, 'attempts/one.1/stderr'), 'errors\n')
    mkdirSync(join(dir, 'output/c1'), { recursive: true })
    writeFileSync(join(dir, 'output/c1/one.1.stdout'), 'moved already\n')
    mkdirSync(join(dir, 'trash/two.1.5'), { recursive: true })
    writeFileSync(join(dir, 'trash/two.1.5/stdout'), 'gone\n')
    const { driver, types, output } = await workshop.watch(dir)
    expect(types(key)).toEqual(['Exited'])
    expect(readdirSync(join(dir, 'trash'))).toEqual([])
    await driver.remove(key)
    expect(await output(key)).toEqual({ stdout: 'moved already\n', stderr: 'errors\n' })
    expect(readdirSync(join(dir, 'attempts'))).toEqual([])
  })

  test('what ran and was removed does not start again', async () => {
    const dir = workshop.dir()
    const { driver, run, ended, types } = await workshop.watch(dir)
    await run(key, ['true'])
    await ended(key)
    await driver.remove(key)
    await run(key, ['/bin/sh', '-c', `touch ${dir}/ran`])
    expect(types(key)).toEqual(['Started', 'Exited', 'Lost'])
    expect(existsSync(join(dir, 'ran'))).toBe(false)
    expect(await driver.list()).toEqual([])
  })

  test('what a task of days ago has left is no reason not to start another one of its id, and is not its output', async () => {
    const dir = workshop.dir()
    const { driver, run, ended, types, output } = await workshop.watch(dir)
    await run(key, ['/bin/sh', '-c', 'echo old; echo old >&2'])
    await ended(key)
    await driver.remove(key)
    const [cluster] = readdirSync(join(dir, 'output'))
    const old = new Date(Date.now() - 24 * 3_600_000)
    const left = join(dir, 'output', cluster as string)
    for (const file of readdirSync(left)) utimesSync(join(left, file), old, old)
    await run(key, ['/bin/sh', '-c', 'echo new'])
    await until('it has ended', () => (types(key).length === 4 ? true : undefined))
    expect(types(key)).toEqual(['Started', 'Exited', 'Started', 'Exited'])
    await driver.remove(key)
    expect(await output(key)).toEqual({ stdout: 'new\n', stderr: '' })
  })
})
