/** The API from afar against real processes: a manager that is killed again and again is one that is away for a while. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from 'xstate'
import { connect, type TaskEvent, type Troupe } from '../../runtime/index.ts'
import { Cluster, type Program } from './cluster.ts'

const kills = 4
const patient = { timeoutMs: 90_000 }

let cluster: Cluster
let manager: Program
let troupe: Troupe

beforeEach(async () => {
  cluster = await Cluster.open()
  manager = cluster.startManager()
  await cluster.startWorker('w1', '--driver', 'process')
  await cluster.ready(1)
  troupe = await connect(cluster.address, { token: await cluster.token() })
})

afterEach(async () => {
  await troupe.close()
  await cluster.close()
})

/** Prints a line each 100 ms, 60 of them, and ends with its number as its code. */
const talker = (code: number) => ({
  driver: 'process' as const,
  command: ['sh', '-c', `i=0; while [ $i -lt 60 ]; do i=$((i+1)); echo line $i; sleep 0.1; done; exit ${code}`],
})

test('tasks, transitions and output are followed through kill -9 of the manager, each once', async () => {
  const events: TaskEvent[] = []
  const stream = troupe.events()
  const reading = (async () => {
    for await (const event of stream) events.push(event)
  })()
  const tasks = await Promise.all(
    [0, 1, 2].map((code) => troupe.run(talker(code), { ...patient, id: `talker-${code}` })),
  )
  const ends = tasks.map((task) => task.result(patient))
  const outputs = tasks.map(async (task) => {
    const lines: string[] = []
    for await (const { text } of task.logs({ follow: true })) lines.push(text)
    return lines
  })
  await Promise.all(tasks.map((task) => waitFor(task, (s) => s.matches('Running'), { timeout: 60_000 })))
  for (let kill = 0; kill < kills; kill += 1) {
    await manager.kill('SIGKILL')
    // Asked while nobody is there: it is answered by the next one.
    const asked = troupe.run({ driver: 'process', command: ['true'] }, { ...patient, id: `meanwhile-${kill}` })
    manager = cluster.startManager()
    expect((await (await asked).result(patient)).outcome).toBe('succeeded')
  }
  expect((await Promise.all(ends)).map(({ exitCode }) => exitCode)).toEqual([0, 1, 2])
  const all = Array.from({ length: 60 }, (_, at) => `line ${at + 1}`)
  expect(await Promise.all(outputs)).toEqual([all, all, all])
  const final = ({ to }: TaskEvent) => to === 'Completed' || to === 'Failed'
  await expect.poll(() => events.filter(final).length, { timeout: 60_000 }).toBe(tasks.length + kills)
  stream.close()
  await reading
  for (const id of new Set(events.map(({ taskId }) => taskId))) {
    // Without a gap and without a repetition, each begins where the one before it led.
    const own = events.filter(({ taskId }) => taskId === id)
    expect(own.map(({ from }) => from)).toEqual(['', ...own.slice(0, -1).map(({ to }) => to)])
    const once = ['Created', 'Placed', 'Started', 'Exited']
    expect(own.map(({ event }) => event.type).filter((type) => once.includes(type))).toEqual(once)
  }
  expect(troupe.metrics()).toMatchObject({ resets: 0, tasksHeard: 0 })
  expect(troupe.metrics().reconnects).toBeGreaterThanOrEqual(1)
})
