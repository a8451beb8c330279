/** What the tests of the process driver share: a built spawner, folders of their own, and looks at real processes. */
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildSync } from 'esbuild'
import type { AttemptKey, TaskSpec } from '../../actors/model.ts'
import type { Clock } from '../../runtime/clock.ts'
import type { Driver, DriverEvent } from '../../runtime/drivers/driver.ts'
import { createProcessDriver, type ProcessDriverOptions } from '../../runtime/drivers/process/driver.ts'
import { silentLogger } from '../../runtime/logger.ts'

const root = resolve(import.meta.dirname, '../..')

/** No other file's node bears its name: what bears the mark of one and has no leader there is killed as a stray. */
export const scope = { clusterId: 'c1', nodeId: `n${randomBytes(4).toString('hex')}` }

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  uptimeMs: () => performance.now(),
  setTimer: (callback, delayMs) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

/**
 * Builds the spawner, and the driver for workers of their own, into `dir` of a workshop, so that a fresh clone can test it
 * before any build. Types are checked elsewhere.
 */
function buildSpawner(dir: string): string {
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}')
  symlinkSync(join(root, 'node_modules'), join(dir, 'node_modules'))
  buildSync({
    ...{ absWorkingDir: root, outdir: dir, outbase: root },
    entryPoints: ['spawner-main.ts', 'driver.ts'].map((name) => join(root, 'runtime/drivers/process', name)),
    ...{ bundle: true, packages: 'external', format: 'esm', platform: 'node', target: 'node20', logLevel: 'warning' },
  })
  return join(dir, 'runtime/drivers/process/spawner-main.js')
}

export interface Watched {
  readonly driver: Driver
  readonly events: DriverEvent[]
  /** The types of what was told of the attempt. */
  types(key: AttemptKey): string[]
  /** The end of the attempt, once it is told. */
  ended(key: AttemptKey): Promise<DriverEvent>
  run(key: AttemptKey, command: string[], rest?: Partial<TaskSpec>): Promise<void>
  output(key: AttemptKey): Promise<{ stdout: string; stderr: string }>
}

/** Folders and drivers of one test file; `clear` leaves neither processes nor files. */
export class ProcessWorkshop {
  readonly base = mkdtempSync(join(tmpdir(), 'troupe-process-'))
  readonly spawnerPath = buildSpawner(mkdtempSync(join(this.base, 'build-')))
  readonly #drivers: Driver[] = []
  readonly #dirs = new Set<string>()

  /** A fresh folder for a driver. */
  dir(): string {
    const dir = mkdtempSync(join(this.base, 'd-'))
    this.#dirs.add(dir)
    return dir
  }

  create(dir: string, options: Partial<ProcessDriverOptions> = {}): Driver {
    this.#dirs.add(dir)
    const driver = createProcessDriver({
      dir,
      clock: systemClock,
      logger: silentLogger,
      spawnerPath: this.spawnerPath,
      spawnerIdleMs: 300,
      ...options,
    })
    this.#drivers.push(driver)
    return driver
  }

  async watch(dir: string, options: Partial<ProcessDriverOptions> = {}): Promise<Watched> {
    const driver = this.create(dir, options)
    const events: DriverEvent[] = []
    await driver.watch(scope, (event) => events.push(event))
    const of = (key: AttemptKey) => events.filter((event) => 'key' in event && sameKey(event.key, key))
    return {
      driver,
      events,
      types: (key) => of(key).map((event) => event.type),
      ended: (key) =>
        until(`${key.taskId} ended`, () =>
          of(key).find(({ type }) => ['Exited', 'StartFailed', 'Lost'].includes(type)),
        ),
      run: (key, command, rest = {}) =>
        driver.start(key, { driver: 'process', command, ...rest }, new AbortController().signal),
      output: (key) => readAll(driver, key),
    }
  }

  async clear(): Promise<void> {
    await Promise.all(this.#drivers.map((driver) => driver.close()))
    for (const dir of this.#dirs) {
      const spawner = spawnerOf(dir)
      for (const pid of taskPids(dir)) tryKill(-pid)
      if (spawner !== undefined)
        await until(`spawner ${spawner} left ${dir}`, () => !existsSync(`/proc/${spawner}`) || undefined)
    }
    rmSync(this.base, { recursive: true, force: true })
  }
}

const sameKey = (a: AttemptKey, b: AttemptKey) => a.taskId === b.taskId && a.attempt === b.attempt

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

/** The main processes that the folder has a record of and no end. */
function taskPids(dir: string): number[] {
  const attempts = join(dir, 'attempts')
  if (!existsSync(attempts)) return []
  return readdirSync(attempts).flatMap((name) => {
    const started = join(attempts, name, 'started')
    return existsSync(started) && !existsSync(join(attempts, name, 'end')) ? [startedPid(dir, name)] : []
  })
}

export function startedPid(dir: string, name: string): number {
  return JSON.parse(readFileSync(join(dir, 'attempts', name, 'started'), 'utf8')).pid
}

/** The pid of the spawner that runs in the folder, found by its working directory. */
export function spawnerOf(dir: string): number | undefined {
  const [pid, another] = pidsWith('', dir)
  if (another !== undefined) throw new Error(`Two spawners run in ${dir}: ${pid} and ${another}.`)
  return pid
}

/** Living processes whose environment has the text; with `dir`, the spawners that work there. */
export function pidsWith(text: string, dir?: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        if (!(pid > 0) || /^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return false
        if (dir === undefined) return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(text)
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1')
        return (
          command.includes('spawner-main.js') &&
          !command.startsWith('flock') &&
          readlinkSync(`/proc/${pid}/cwd`) === dir
        )
      } catch {
        return false
      }
    })
}

export const isAlive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\s*[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

export async function readAll(
  driver: Driver,
  key: AttemptKey,
  follow = false,
): Promise<{ stdout: string; stderr: string }> {
  const got = { stdout: '', stderr: '' }
  for await (const { stream, data } of driver.logs(key, { follow, signal: new AbortController().signal })) {
    got[stream] += Buffer.from(data).toString('latin1')
  }
  return got
}

/** The first answer that is not undefined; asks every 10 ms and gives up after 30 s. */
export async function until<T>(what: string, ask: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadlineMs = performance.now() + 30_000
  for (;;) {
    const answer = await ask()
    if (answer !== undefined) return answer
    if (performance.now() > deadlineMs) throw new Error(`Waited 30 s in vain until ${what}.`)
    await new Promise((wait) => setTimeout(wait, 10))
  }
}
