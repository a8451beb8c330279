/**
 * The promise of the stream, with real processes: every final state reaches every subscriber that it fits exactly once,
 * through 20 times `kill -9` of the manager, while tasks go on beginning and ending.
 */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import { connect, type TaskEvent, type TaskRef, type Troupe } from '../../runtime/index.ts'
import { Cluster, type Program } from './cluster.ts'

const kills = 20
const patient = { timeoutMs: 120_000 }
const settled = { timeout: 120_000, interval: 100 }

let cluster: Cluster
let manager: Program
/** One connection for each subscriber, and one that asks for tasks. */
const troupes: Troupe[] = []

async function newTroupe(): Promise<Troupe> {
  const troupe = await connect(cluster.address, { token: await cluster.token() })
  troupes.push(troupe)
  return troupe
}

beforeEach(async () => {
  cluster = await Cluster.open()
  manager = cluster.startManager()
  await cluster.startWorker('w1', '--driver', 'process', '--cpus', '64', '--memory', '64g')
  await cluster.ready(1)
})

afterEach(async () => {
  await Promise.all(troupes.splice(0).map((troupe) => troupe.close()))
  await cluster.close()
})

const isEnd = ({ to }: TaskEvent) => to === 'Completed' || to === 'Failed'

/** The ends that a filter brings, as `id state`, in the order in which they came. */
class Ear {
  readonly heard: string[] = []
  readonly #filter: TaskFilter
  #stream: ReturnType<Troupe['events']> | undefined
  #reading: Promise<void> = Promise.resolve()

  constructor(filter: TaskFilter) {
    this.#filter = filter
  }

  /** Listens through this one from now on, or from where it was. */
  async listen(troupe: Troupe): Promise<void> {
    const from = this.#stream?.position ?? 'now'
    const stream = troupe.events({ filter: this.#filter, from })
    this.#stream = stream
    this.#reading = (async () => {
      for await (const event of stream) if (isEnd(event)) this.heard.push(`${event.taskId} ${event.to}`)
    })()
    await expect.poll(() => stream.position, settled).toBeDefined()
  }

  async close(): Promise<void> {
    this.#stream?.close()
    await this.#reading
  }
}

const processOf = (script: string, kind: string) => ({
  driver: 'process' as const,
  command: ['sh', '-c', script],
  labels: { kind },
})

/** One that is well at once, one that fails at once, and one that may well end while no manager is there. */
const round = (asker: Troupe, number: number): Promise<TaskRef[]> =>
  Promise.all([
    asker.run(processOf('exit 0', 'well'), { ...patient, id: `well-${number}` }),
    asker.run(processOf('exit 3', 'ill'), { ...patient, id: `ill-${number}` }),
    asker.run(processOf('sleep 0.4', 'slow'), { ...patient, id: `slow-${number}` }),
  ])

test('every final state reaches every matching subscriber exactly once through 20 restarts', async () => {
  const asker = await newTroupe()
  const ears = {
    everything: new Ear({}),
    byLabel: new Ear({ labels: { kind: 'ill' } }),
    completed: new Ear({ states: ['Completed'] }),
    failed: new Ear({ states: ['Failed'] }),
    byNode: new Ear({ nodes: ['w1'] }),
  }
  for (const ear of Object.values(ears)) await ear.listen(await newTroupe())
  // Comes each time on a new connection, as another process would, and goes on from the position that it wrote down.
  const comesBack = new Ear({ labels: { kind: 'well' } })
  await comesBack.listen(asker)
  /** By its own id, as XState's actors tell: the states of its end, then `complete`. */
  const byId = new Map<string, string[]>()
  const expected: string[] = []
  const byTwo = await newTroupe()

  let before: TaskRef[] = []
  for (let kill = 0; kill <= kills; kill += 1) {
    const tasks = await round(asker, kill)
    for (const { id } of tasks) {
      expected.push(`${id} ${id.startsWith('ill') ? 'Failed' : 'Completed'}`)
      const task = await byTwo.get(id, patient)
      // Of one that is over already, as of any actor of XState's, only `complete` is told.
      const { status, context } = task.getSnapshot()
      const told = status === 'done' ? [context.state as string] : []
      byId.set(id, told)
      task.subscribe({
        next: (s) => s.status === 'done' && told.push(s.context.state),
        complete: () => told.push('complete'),
      })
    }
    // Something flows between any two kills: what was asked for before the last one has ended by now.
    for (const task of before) await task.result(patient)
    before = tasks
    if (kill === kills) break
    await manager.kill('SIGKILL')
    await comesBack.close()
    manager = cluster.startManager()
    await comesBack.listen(asker)
  }

  const of = (fits: (line: string) => boolean) => expected.filter(fits).sort()
  const sets: [Ear, string[]][] = [
    [ears.everything, of(() => true)],
    [ears.byLabel, of((line) => line.startsWith('ill'))],
    [ears.completed, of((line) => line.endsWith('Completed'))],
    [ears.failed, of((line) => line.endsWith('Failed'))],
    [ears.byNode, of(() => true)],
    [comesBack, of((line) => line.startsWith('well'))],
  ]
  for (const [ear, due] of sets) await expect.poll(() => ear.heard.length, settled).toBeGreaterThanOrEqual(due.length)
  await expect.poll(() => [...byId.values()].every((told) => told.includes('complete')), settled).toBe(true)
  // What would come twice comes before an end that is asked for only now.
  const last = await asker.run(processOf('exit 0', 'last'), { ...patient, id: 'last' })
  await last.result(patient)
  await expect.poll(() => ears.everything.heard.at(-1), settled).toBe('last Completed')
  await Promise.all(sets.map(([ear]) => ear.close()))
  for (const [ear, due] of sets) expect(ear.heard.filter((line) => !line.startsWith('last')).sort()).toEqual(due)
  for (const line of expected) {
    const [id, state] = line.split(' ') as [string, string]
    expect({ id, told: byId.get(id) }).toEqual({ id, told: [state, 'complete'] })
  }
  expect(troupes.reduce((sum, troupe) => sum + troupe.metrics().resets, 0)).toBe(0)
}, 400_000)
