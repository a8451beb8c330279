/**
 * The kill loop: 100 tasks, half of them containers and half processes, while manager, worker or both are killed with
 * SIGKILL at 20 seeded moments and started again. Nothing acknowledged may be lost, and nothing may run twice.
 */
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import type { TaskSpec, TaskView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Client } from '../../runtime/client/client.ts'
import { openClient as connect } from '../../runtime/connect.ts'
import { Cluster, containersWith, type Program, processesMentioning, testImage, until } from './cluster.ts'
import { createDice } from './dice.ts'

const tasksCount = 100
const killsCount = 20
const seed = Number(process.env.TROUPE_KILL_SEED ?? 20261122)

interface Planned {
  readonly id: string
  readonly code: number
  readonly spec: TaskSpec
}

let cluster: Cluster | undefined
afterEach(async () => {
  await cluster?.close()
  cluster = undefined
})

/** Holds its own lock, says when it starts and ends, and exits with a code that is known beforehand. */
function script(dir: string, id: string, seconds: string, code: number): string {
  return [
    `exec 9>${dir}/${id}.lock`,
    `/usr/bin/flock -n 9 || { echo ${id} >> ${dir}/conflicts; exit 99; }`,
    `echo "start $TROUPE_ATTEMPT" >> ${dir}/${id}.log`,
    `sleep ${seconds}`,
    `echo "end $TROUPE_ATTEMPT" >> ${dir}/${id}.log`,
    `exit ${code}`,
  ].join('\n')
}

/** The test image has no flock; the machine's own, with what it is linked to, is lent to it. */
const flockMounts = ['usr', 'lib', 'lib64'].map((name) => ({
  source: name === 'usr' ? '/usr' : `/usr/${name}`,
  target: `/${name}`,
  readOnly: true,
}))

function plan(dir: string, roll: () => number): Planned[] {
  return Array.from({ length: tasksCount }, (_, at) => {
    const id = `kill-${String(at).padStart(3, '0')}`
    const code = Math.floor(roll() * 8)
    const command = ['sh', '-c', script(dir, id, (0.2 + roll() * 1.8).toFixed(2), code)]
    // Little is asked for, so that many run at once.
    const asks = { cpus: 0.05, memoryBytes: 32 * 1_024 * 1_024 }
    if (at % 2 === 0) return { id, code, spec: { driver: 'process', command, ...asks } }
    const mounts = [{ source: dir, target: dir }, ...flockMounts]
    return { id, code, spec: { driver: 'docker', image: testImage, network: 'none', command, mounts, ...asks } }
  })
}

/** A client that asks again, by the same id, until it is told. */
class Persistent {
  readonly #url: string
  readonly #token: string
  #client: Client | undefined

  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
  }

  async ask<T>(what: string, question: (client: Client) => Promise<T>): Promise<T> {
    return until(what, async () => {
      try {
        this.#client ??= await connect({ url: this.#url, token: this.#token })
        return await question(this.#client)
      } catch (error) {
        if (error instanceof TroupeError && !error.retryable) throw error
        this.#client?.close()
        this.#client = undefined
        return undefined
      }
    })
  }

  close(): void {
    this.#client?.close()
  }
}

/** The two programs, and whoever is killed is started again. */
class Troupe {
  readonly #cluster: Cluster
  readonly #flags: string[]
  #manager: Program
  #worker: Program | undefined

  constructor(cluster: Cluster, dir: string) {
    this.#cluster = cluster
    this.#flags = ['--driver', 'docker', '--driver', 'process', '--cpus', '16', '--memory', '16g']
    for (const path of [dir, '/usr']) this.#flags.push('--allow-mount', path)
    this.#manager = cluster.startManager()
  }

  async start(): Promise<void> {
    this.#worker = await this.#cluster.startWorker('one', ...this.#flags)
  }

  async killManager(): Promise<void> {
    await this.#manager.kill('SIGKILL')
    this.#manager = this.#cluster.startManager()
  }

  async killWorker(): Promise<void> {
    await this.#worker?.kill('SIGKILL')
    await this.start()
  }
}

async function killAtSeededMoments(troupe: Troupe, roll: () => number): Promise<void> {
  for (let kills = 0; kills < killsCount; kills += 1) {
    await new Promise((wake) => setTimeout(wake, 100 + roll() * 1_200))
    const whom = roll()
    if (whom < 0.4) await troupe.killManager()
    else if (whom < 0.8) await troupe.killWorker()
    else await Promise.all([troupe.killManager(), troupe.killWorker()])
  }
}

test('every acknowledged task ends with its code and none runs twice, however often we are killed', async () => {
  cluster = await Cluster.open()
  const dir = join(cluster.dir, 'witness')
  await mkdir(dir)
  const roll = createDice(seed)
  const planned = plan(dir, roll)
  const troupe = new Troupe(cluster, dir)
  await troupe.start()
  const client = new Persistent(cluster.address, await cluster.token())

  const killing = killAtSeededMoments(troupe, roll)
  for (const { id, spec } of planned) await client.ask(`the acknowledgement of ${id}`, (one) => one.submit(id, spec))
  await killing

  let pending: TaskView[] = []
  const ended = await until(
    'every task to end',
    async () => {
      const views: TaskView[] = []
      for (const { id } of planned) {
        const { items } = await client.ask(`the state of ${id}`, (one) => one.query({ ids: [id] }))
        views.push(...items)
      }
      pending = views.filter(({ finishedAtMs }) => finishedAtMs === null)
      return pending.length === 0 ? views : undefined
    },
    // An engine that others keep busy takes a second for each start.
    180_000,
  ).catch((error: Error) => {
    const rows = pending.map(({ id, state, detail, reason }) => `${id} ${state} ${detail} ${reason}`)
    throw new Error([error.message, ...rows, cluster?.lastWords()].join('\n'))
  })
  const byId = new Map(ended.map((view) => [view.id, view]))
  const seen = planned.map(({ id }) => {
    const { exitCode, attempt, reason, outcome } = byId.get(id) as TaskView
    return { id, exitCode, attempt, outcome, reason }
  })
  expect(seen).toEqual(
    planned.map(({ id, code }) => ({
      id,
      exitCode: code,
      attempt: 1,
      outcome: code === 0 ? 'succeeded' : 'exit',
      reason: code === 0 ? null : `exited with code ${code}`,
    })),
  )
  const files = await readdir(dir)
  expect(files).not.toContain('conflicts')
  for (const { id } of planned) expect(await readFile(join(dir, `${id}.log`), 'utf8'), id).toBe('start 1\nend 1\n')
  const clusterId = await client.ask('the cluster', async (one) => one.welcome.clusterId)
  client.close()
  await expectNothingLeft(cluster, clusterId)
}, 400_000)

async function expectNothingLeft(cluster: Cluster, clusterId: string): Promise<void> {
  const attempts = join(cluster.dir, 'worker-one', 'worker', 'process', 'attempts')
  await until('containers and attempt folders to be removed', async () => {
    const left = [...(await containersWith(`troupe.cluster=${clusterId}`)), ...(await readdir(attempts))]
    return left.length === 0 ? true : undefined
  })
  expect(await processesMentioning('TROUPE_TASK_ID=kill-')).toEqual([])
}
