/** A real cluster to be broken: tasks that leave witness files, and what must be true of them afterwards. */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'
import type { TaskSpec, TaskView } from '../../actors/model.ts'
import { Cluster, type Program, processesMentioning, until } from './cluster.ts'
import { Ear } from './ear.ts'

/** Little is asked for, so that many run at once. */
const asks = { cpus: 0.05, memoryBytes: 16 * 1_024 * 1_024 }
/** What every worker of these tests offers, besides its drivers. */
const offer = ['--cpus', '16', '--memory', '16g']

export interface WitnessOptions {
  /** How long it runs; `told` = until `release`. */
  readonly seconds: number | 'told'
  /** What it exits with; default 0. */
  readonly code?: number
  readonly spec?: Partial<TaskSpec>
}

/** A `Way` is a command line to start by, as `Program` says. */
export type Way = readonly string[]

export class FaultWorld {
  readonly cluster: Cluster
  /** The beginning of all its tasks' ids; nobody else's begin so. */
  readonly prefix = `f${randomBytes(4).toString('hex')}`
  readonly witness: string
  readonly #codes = new Map<string, number>()
  readonly #workers = new Map<string, { program: Program; flags: readonly string[]; way: Way }>()
  readonly #undo: (() => Promise<void>)[] = []
  #manager: { program: Program; way: Way } | undefined
  #ear: Ear | undefined

  private constructor(cluster: Cluster) {
    this.cluster = cluster
    this.witness = join(cluster.dir, 'witness')
  }

  /** Runs `story` in a world of its own, and takes all of it away again, however that ends. */
  static async with(story: (world: FaultWorld) => Promise<void>): Promise<void> {
    const world = new FaultWorld(await Cluster.open())
    try {
      await mkdir(world.witness)
      await story(world)
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${world.cluster.lastWords()}`, { cause: error })
    } finally {
      await world.#close()
    }
  }

  get ear(): Ear {
    if (this.#ear === undefined) throw new Error('call `listen` first')
    return this.#ear
  }

  get manager(): Program {
    if (this.#manager === undefined) throw new Error('the manager was not started')
    return this.#manager.program
  }

  worker(name: string): Program {
    const worker = this.#workers.get(name)
    if (worker === undefined) throw new Error(`worker ${name} was not started`)
    return worker.program
  }

  /** Undone at the end, the last first, once all processes are gone. */
  onClose(undo: () => Promise<void>): void {
    this.#undo.push(undo)
  }

  startManager(way: Way = [], listen = `127.0.0.1:${this.cluster.port}`, flags: readonly string[] = []): Program {
    const insecure = listen.startsWith('127.') ? [] : ['--insecure']
    const dataDir = join(this.cluster.dir, 'data')
    const args = ['manager', '--listen', listen, '--data-dir', dataDir, ...insecure, ...flags]
    this.#manager = { program: this.cluster.startThrough(way, ...args), way }
    return this.#manager.program
  }

  async startWorker(name: string, flags: readonly string[] = [], way: Way = []): Promise<Program> {
    const token = await this.cluster.token()
    const all = ['--name', name, '--data-dir', this.workerDir(name), ...offer, ...flags]
    const url = this.#address
    const program = this.cluster.startThrough(way, 'worker', '--manager', url, '--token', token, ...all)
    this.#workers.set(name, { program, flags, way })
    return program
  }

  /** Where manager and clients meet, when it is not the loopback address. */
  at: string | undefined
  get #address(): string {
    return this.at ?? this.cluster.address
  }

  workerDir(name: string): string {
    return join(this.cluster.dir, `worker-${name}`)
  }

  /** Manager, one worker that runs processes, and a client that listens. */
  async startAll(managerWay: Way = [], workerWay: Way = []): Promise<void> {
    this.startManager(managerWay)
    await this.startWorker('one', ['--driver', 'process'], workerWay)
    await this.listen()
    await this.ready(1)
  }

  async listen(): Promise<void> {
    this.#ear = await Ear.open(this.#address, await this.cluster.token())
  }

  async ready(nodes: number, withinMs?: number): Promise<void> {
    const probe = async () => {
      const found = await this.ear.ask((client) => client.nodes())
      return found.items.filter(({ state }) => state === 'Ready').length >= nodes ? true : undefined
    }
    await until(`${nodes} ready nodes`, probe, withinMs)
  }

  /** `kill -9`, and a new one the same way. */
  async restartManager(): Promise<Program> {
    const way = this.#manager?.way
    await this.manager.kill('SIGKILL')
    return this.startManager(way)
  }

  async restartWorker(name: string): Promise<Program> {
    await this.worker(name).kill('SIGKILL')
    const { flags, way } = this.#workers.get(name) as { flags: readonly string[]; way: Way }
    return this.startWorker(name, flags, way)
  }

  id(name: string): string {
    return `${this.prefix}-${name}`
  }

  /** A task that writes when it starts and when it ends. Answers its id, once that is acknowledged. */
  async submit(name: string, { seconds, code = 0, spec = {} }: WitnessOptions): Promise<string> {
    const id = this.id(name)
    const file = spec.driver === 'docker' ? `/witness/${id}` : join(this.witness, id)
    const wait = seconds === 'told' ? `until [ -e ${file}.go ]; do sleep 0.1; done` : `sleep ${seconds}`
    const say = (word: string) => `echo "${word} $TROUPE_ATTEMPT" >> ${file}`
    const script = `${say('start')}; ${wait}; ${say('end')}; exit ${code}`
    const mounts = spec.driver === 'docker' ? { mounts: [{ source: this.witness, target: '/witness' }] } : {}
    this.#codes.set(id, code)
    await this.ear.submit(id, { driver: 'process', command: ['sh', '-c', script], ...asks, ...mounts, ...spec })
    return id
  }

  /** Lets a task end that waits to be told. */
  release(id: string): Promise<void> {
    return writeFile(join(this.witness, `${id}.go`), '')
  }

  linesOf(id: string): Promise<string[]> {
    return readFile(join(this.witness, id), 'utf8').then(
      (text) => text.split('\n').filter((line) => line !== ''),
      () => [],
    )
  }

  /**
   * Waits for every task's end and demands what must be true after any fault: none lost, each with its own code or
   * honestly `lost`, no attempt begun twice, nothing told that was taken back, and nothing of ours left behind.
   */
  async expectAllKept(withinMs = 60_000): Promise<Map<string, TaskView>> {
    const views = await this.ear.finals(withinMs)
    expect(views.map(({ id }) => id).sort()).toEqual([...this.#codes.keys()].sort())
    for (const view of views) await this.#expectHonest(view)
    await this.ear.expectNothingTakenBack()
    await this.#expectNothingLeft()
    return new Map(views.map((view) => [view.id, view]))
  }

  /** And each has ended as it would have without any fault. */
  async expectAllUnharmed(withinMs?: number): Promise<void> {
    for (const [id, { exitCode, attempt }] of await this.expectAllKept(withinMs)) {
      expect({ id, exitCode, attempt }).toEqual({ id, exitCode: this.#codes.get(id), attempt: 1 })
      expect(await this.linesOf(id), id).toEqual(['start 1', 'end 1'])
    }
  }

  async #expectHonest({ id, outcome, exitCode, attempt, reason }: TaskView): Promise<void> {
    const lines = await this.linesOf(id)
    const starts = lines.filter((line) => line.startsWith('start '))
    expect(new Set(starts).size, `${id}: ${lines}`).toBe(starts.length)
    expect(starts.length, `${id}: ${lines}`).toBeLessThanOrEqual(attempt)
    if (outcome === 'lost') expect(reason, id).toMatch(/\w+ \w+/)
    else if (outcome === 'start' && reason?.includes('may have')) expect(starts.length, id).toBeLessThanOrEqual(attempt)
    else if (outcome === 'start') expect({ starts, reason }, id).toEqual({ starts: [], reason: expect.any(String) })
    else if (exitCode === this.#codes.get(id)) expect(lines.at(-1), id).toBe(`end ${attempt}`)
    // Whatever killed it is told by a code that no witness exits with by itself.
    else if (outcome !== 'stopped' && outcome !== 'timeout') expect(exitCode, id).toBeGreaterThan(127)
  }

  async #expectNothingLeft(): Promise<void> {
    const { clusterId } = await this.ear.ask(async (client) => client.welcome)
    const left = async () => {
      const folders = [...this.#workers.keys()].map((name) => join(this.workerDir(name), 'worker/process/attempts'))
      const attempts = await Promise.all(folders.map((folder) => readdir(folder).catch(() => [])))
      const processes = await processesMentioning(`TROUPE_TASK_ID=${this.prefix}`)
      return [...attempts.flat(), ...processes, ...(await this.containersLeft(clusterId))]
    }
    await until('everything that was left behind to be removed', async () =>
      (await left()).length === 0 ? true : undefined,
    )
  }

  /** What else would be left behind: containers of the engine that had tasks of this world. */
  containersLeft: (clusterId: string) => Promise<readonly string[]> = async () => []

  /** The processes that run a task of this world. */
  processesOf(id: string): Promise<number[]> {
    return processesMentioning(`TROUPE_TASK_ID=${id}`)
  }

  /** The spawners of this world's workers, which outlive them. */
  async spawners(): Promise<number[]> {
    const found: number[] = []
    for (const pid of await processesMentioning('spawner-main')) {
      const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '')
      if (cwd.startsWith(`${this.cluster.dir}/`)) found.push(pid)
    }
    return found
  }

  async #close(): Promise<void> {
    // One that is halted could not be waited for.
    const programs = [this.#manager, ...this.#workers.values()].flatMap((each) => each?.program ?? [])
    for (const program of programs) program.child.kill('SIGCONT')
    await this.#ear?.close()
    // The workers first: one that misses its spawner starts another.
    await Promise.all(programs.map((program) => program.kill('SIGKILL')))
    await until('our processes to end', async () => {
      const pids = [...(await this.spawners()), ...(await processesMentioning(`TROUPE_TASK_ID=${this.prefix}`))]
      for (const pid of pids) endNow(pid)
      return pids.length === 0 ? true : undefined
    })
    for (const undo of this.#undo.reverse()) await undo()
    await this.cluster.close()
  }
}

/** Whatever became of it meanwhile. */
export function endNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It went with one that was killed before it.
  }
}
