/** Neither end of a worker's session floods the other: what waits, waits where it is bounded, and nothing is lost. */
import { expect, onTestFinished, test } from 'vitest'
import type { AttemptStatus } from '../../actors/model.ts'
import { frameLimits } from '../../actors/protocol/frame.ts'
import { journalLimits } from '../../runtime/host/journal.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import { Statuses } from '../../runtime/worker/statuses.ts'
import { Rig, spec } from './manager-rig.ts'
import { key, Stage, settle, until } from './worker-fixture.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('a worker that does not read gets desired state only as it reads, complete or in deltas', async () => {
  const rig = await Rig.start()
  const client = await rig.client()
  const worker = await rig.worker({ cpus: 64, memoryBytes: 2 ** 40 })
  const text = 'x'.repeat(130_000)
  const large = spec({ env: { A: text, B: text, C: text } })
  const count = Math.ceil((1.2 * frameLimits.sendBufferBytesMax) / (3 * text.length))
  const ids = [...Array(count).keys()].map((n) => `t${String(n).padStart(3, '0')}`)
  worker.pause()
  for (const id of ids) await client.submit(id, large)
  await client.stop(ids[0] as string)
  await rig.settle()
  expect(worker.closed).toBeUndefined()
  worker.resume()
  await rig.settle()
  expect(worker.wishes).toEqual(ids.map((id, at) => `${id}.1 ${at === 0 ? 'stop' : 'run'}`))
  // The complete state of a session that begins is as large.
  await rig.cut('worker-n1')
  await rig.dial(worker)
  worker.hello()
  worker.pause()
  await rig.settle()
  await client.stop(ids[1] as string)
  expect([worker.closed, worker.received]).toEqual([undefined, []])
  worker.resume()
  await rig.settle()
  expect(worker.wishes.map((wish) => wish.split(' ')[1]).filter((action) => action === 'stop')).toHaveLength(2)
  expect([worker.desired.size, worker.gaps]).toEqual([count, 0])
  expect(rig.failures).toEqual([])
  await rig.crash()
})

test('while the manager does not keep up each attempt has one status waiting, its newest', async () => {
  const sent: AttemptStatus[][] = []
  let keepsUp = false
  const statuses = new Statuses({ send: (attempts) => sent.push(attempts) > 0 && keepsUp })
  statuses.greet()
  statuses.open()
  const note = (taskId: string, seq: number) =>
    statuses.note({ taskId, attempt: 1, seq, startedAtMs: 5, reserved: { cpus: 1, memoryBytes: 1 } })
  for (let seq = 1; seq <= 100; seq += 1) {
    for (const taskId of ['a', 'b']) note(taskId, seq)
    await turn()
  }
  expect(sent.map((attempts) => attempts.map(({ seq }) => seq))).toEqual([[1, 1]])
  keepsUp = true
  statuses.drained()
  await turn()
  expect(sent.slice(1).map((attempts) => attempts.map(({ seq }) => seq))).toEqual([[100, 100]])
  // A new session begins without what held up the old one.
  keepsUp = false
  note('a', 101)
  await turn()
  statuses.close()
  expect(statuses.greet().map(({ seq }) => seq)).toEqual([101, 100])
  statuses.open()
  note('b', 101)
  await turn()
  expect(sent.at(-1)?.map(({ taskId, seq }) => `${taskId} ${seq}`)).toEqual(['b 101'])
})

test('that an attempt is there is news to nobody: it goes with a Hello, and by itself only what came of it', async () => {
  const sent: AttemptStatus[][] = []
  const statuses = new Statuses({ send: (attempts) => sent.push(attempts) > 0 })
  const bare = { taskId: 'a', attempt: 1, seq: 1, reserved: { cpus: 1, memoryBytes: 1 } }
  const said: Partial<AttemptStatus>[] = [
    { pullingAtMs: 0 },
    { startedAtMs: 0 },
    { stoppingAtMs: 0 },
    { health: { seq: 1, state: 'healthy', atMs: 0, failures: 0 } },
    { endedAtMs: 0, end: { kind: 'lost', message: 'gone' } },
  ]
  statuses.greet()
  statuses.open()
  statuses.note(bare)
  await turn()
  expect(sent).toEqual([])
  expect(statuses.greet()).toEqual([bare])
  statuses.open()
  for (const [at, more] of said.entries()) {
    statuses.note({ ...bare, ...more, seq: at + 2 })
    await turn()
  }
  expect(sent.map(([status]) => status?.seq)).toEqual([2, 3, 4, 5, 6])
})

test('a worker whose disk is behind reads no further until it has caught up', async () => {
  const backlogOpsMax = 20
  const before = journalLimits.backlogOpsMax
  Object.assign(journalLimits, { backlogOpsMax })
  onTestFinished(() => void Object.assign(journalLimits, { backlogOpsMax: before }))
  const stage = await Stage.open()
  const memory = createMemoryStorage()
  let release: (() => void) | undefined
  let gate: Promise<void> | undefined
  const storage = {
    ...{ supports: memory.supports, get: memory.get.bind(memory), scan: memory.scan.bind(memory) },
    ...{ deleteRange: memory.deleteRange.bind(memory), close: memory.close.bind(memory) },
    batch: async (...[ops, options]: Parameters<typeof memory.batch>) => {
      await gate
      await memory.batch(ops, options)
    },
  }
  const life = stage.begin({ storage })
  await stage.connected(life)
  gate = new Promise((resolve) => {
    release = resolve
  })
  const wanted = [...Array(100).keys()].map((n) => key(`t${n}`))
  for (const one of wanted) {
    stage.manager.want(one)
    await settle(2)
  }
  expect(stage.manager.connection?.bufferedBytes).toBeGreaterThan(0)
  gate = undefined
  release?.()
  await until('all run', () => stage.world.things.size === wanted.length, stage.clock)
  expect(stage.manager.of('DesiredGap')).toEqual([])
  expect(stage.manager.closes).toEqual([])
  await life.worker.stop()
})

test('a worker dials for ever, and says once of each outage that there is no manager', async () => {
  const stage = await Stage.open()
  const life = stage.begin()
  await stage.connected(life)
  const outages = () => stage.said.filter((line) => line.startsWith('no manager at'))
  const waits = async (ms: number) => {
    for (let left = ms; left > 0; left -= 5_000) {
      stage.clock.advance(5_000)
      await settle(5)
    }
  }
  for (let outage = 1; outage <= 2; outage += 1) {
    await stage.manager.close()
    stage.transport.cut()
    await waits(600_000)
    expect(outages()).toHaveLength(outage)
    const { sessions } = stage.manager
    await stage.manager.listen(stage.transport)
    await until(
      'it is back',
      () => stage.manager.sessions > sessions && stage.manager.connection !== undefined,
      stage.clock,
    )
    await waits(10_000)
    expect(outages()).toHaveLength(outage)
  }
  // One that takes connections and answers nothing is an outage as well.
  stage.manager.onHello = () => {}
  stage.transport.cut()
  await waits(600_000)
  expect(outages()).toHaveLength(3)
  stage.manager.onHello = undefined
  await waits(30_000)
  expect(stage.said.filter((line) => line.startsWith('connected to the manager'))).toHaveLength(4)
  expect([outages().length, life.failures]).toEqual([3, []])
  await life.worker.stop()
  expect(outages()).toHaveLength(3)
})

test('a worker that is stopped while nobody answers its Hello tells of no outage', async () => {
  const stage = await Stage.open()
  stage.manager.onHello = () => {}
  const life = stage.begin()
  await life.started
  await until('it has said hello', () => stage.manager.of('WorkerHello').length === 1, stage.clock)
  await life.worker.stop()
  expect(stage.said.filter((line) => line.startsWith('no manager at'))).toEqual([])
})

test('a manager that takes connections and never answers a Hello counts as none', async () => {
  const stage = await Stage.open()
  stage.manager.onHello = () => {}
  const life = stage.begin()
  await life.started
  await until('it has said hello again', () => stage.manager.of('WorkerHello').length === 3, stage.clock, 1_000)
  expect(stage.said.filter((line) => line.startsWith('no manager at'))).toHaveLength(1)
  await life.worker.stop()
})
