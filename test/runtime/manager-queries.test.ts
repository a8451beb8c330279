import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'

let rig: Rig
let client: Client

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

const nowhere = spec({ constraints: ['zone=none'] })

async function submitAll(ids: readonly string[]): Promise<void> {
  for (const id of ids) await client.submit(id, nowhere)
}

describe('an id', () => {
  test('may be cut to a clear beginning, and a whole one wins over longer ones', async () => {
    await submitAll(['ab', 'abc', 'abd', 'x1'])
    const ids = async (...asked: string[]) => (await client.query({ ids: asked })).items.map(({ id }) => id)
    expect(await ids('x', 'ab', 'abc')).toEqual(['x1', 'ab', 'abc'])
    await client.stop('ab')
    expect(await ids('ab')).toEqual(['ab'])
    await expect(ids('a')).rejects.toMatchObject({ code: 'Ambiguous' })
    await expect(ids('a')).rejects.toThrow('a fits several tasks (ab, abc, abd); give more of the id')
    await expect(ids('nope')).rejects.toMatchObject({ code: 'NotFound' })
    // What changes something is never guessed at.
    for (const cut of ['a', 'x']) await expect(client.stop(cut)).rejects.toMatchObject({ code: 'NotFound' })
    await expect(client.explain('nope')).rejects.toMatchObject({ code: 'NotFound' })
    await rig.restart()
    client = await rig.client()
    expect(await ids('ab', 'x')).toEqual(['ab', 'x1'])
  })

  test('that fits very many is refused with the first few', async () => {
    await submitAll(['t1', 't2', 't3', 't4', 't5', 't6', 't7'])
    await expect(client.query({ ids: ['t'] })).rejects.toThrow('(t1, t2, t3, t4, t5, …)')
  })
})

describe('a list', () => {
  test('of recent tasks has all that live and the last 50 that ended', async () => {
    const ended = [...Array(55).keys()].map((n) => `e${String(n).padStart(2, '0')}`)
    for (const id of ended) {
      await client.submit(id, nowhere)
      await client.stop(id)
      await rig.clock.advance(1)
    }
    await submitAll(['live1', 'live2'])
    const { items } = await client.query()
    expect(items.map(({ id }) => id).sort()).toEqual([...ended.slice(5), 'live1', 'live2'])
    expect(items.find(({ id }) => id === 'e54')).toMatchObject({ state: 'Completed', outcome: 'stopped' })
  })

  test('of everything comes in pages, each after the last id of the one before', async () => {
    await submitAll(['a', 'b', 'c', 'd', 'e'])
    await client.stop('b')
    const seen: string[] = []
    let after: string | undefined
    for (let pages = 0; pages < 5; pages += 1) {
      const page = await client.query({ scope: 'all', limit: 2, ...(after === undefined ? {} : { after }) })
      seen.push(...page.items.map(({ id, state }) => `${id} ${state}`))
      after = page.next
      if (after === undefined) break
    }
    expect(seen).toEqual(['a Pending', 'b Completed', 'c Pending', 'd Pending', 'e Pending'])
  })

  test('names no task that is on its way to the disk as anything it is not', async () => {
    await client.submit('a', nowhere)
    rig.disk.writes.hold()
    const stopped = client.stop('a')
    await rig.settle()
    const asked = {
      byId: client.query({ ids: ['a'] }),
      byPrefix: client.query({ ids: ['a'] }),
      recent: client.query(),
      all: client.query({ scope: 'all' }),
    }
    const explained = client.explain('a')
    const again = client.stop('a')
    await rig.settle()
    rig.disk.writes.release()
    await stopped
    for (const [name, promise] of Object.entries(asked)) {
      const { items } = await promise
      expect(`${name} ${items.map(({ id, state }) => `${id} ${state}`)}`).toBe(`${name} a Completed`)
    }
    expect((await explained).task.state).toBe('Completed')
    expect(await again).toMatchObject({ alreadyFinal: true, task: { state: 'Completed' } })
  })

  test('finds a task that was submitted and stopped before anything of it was durable', async () => {
    rig.disk.writes.hold()
    const submitted = client.submit('a', nowhere)
    await rig.settle()
    const stopped = client.stop('a')
    await rig.settle()
    const queried = client.query({ ids: ['a'] })
    const submittedAgain = client.submit('a', nowhere)
    await rig.settle()
    rig.disk.writes.release()
    expect(await submitted).toMatchObject({ existing: false, task: { state: 'Pending' } })
    expect(await stopped).toMatchObject({ alreadyFinal: false, task: { state: 'Completed' } })
    expect((await queried).items).toMatchObject([{ id: 'a', state: 'Completed' }])
    expect(await submittedAgain).toMatchObject({ existing: true })
  })
})

describe('an explanation', () => {
  test('of a waiting task has the newest refusal, and no secret', async () => {
    await rig.worker({ cpus: 1 })
    await client.submit(
      'a',
      spec({ cpus: 2, env: { COLOUR: 'red' }, secretEnv: { TOKEN: 'hunter2' }, waitTimeoutMs: 60_000 }),
    )
    const told = await client.explain('a')
    expect(told.decision).toMatchObject({ scheduler: 'round-robin', considered: 1, scores: [] })
    const why = expect.stringContaining('offers 1 cpu')
    expect(told.decision?.refusals).toEqual([{ nodeId: 'n1', name: 'name-n1', why }])
    expect(told.decision?.why).toMatch(/no node is large enough/)
    expect(told.task.reason).toBe(told.decision?.why)
    expect(told.spec).toMatchObject({ env: { COLOUR: 'red' }, secretEnv: { TOKEN: '***' } })
    expect(JSON.stringify(told)).not.toContain('hunter2')
    expect(told.timers).toEqual([{ event: 'PlacementExpired', dueAtMs: rig.clock.nowMs() + 60_000 }])
    expect(told.events.map(({ event, to }) => `${event.type} ${to}`)).toEqual([
      'Created Pending.Queued',
      'Unplaceable Pending.Queued',
    ])
  })

  test('of a task that ran has its decision, attempts and events, also when it is final and after a restart', async () => {
    rig.roll = 0
    const worker = await rig.worker()
    await client.submit('a', spec({ restart: { policy: 'on-failure', max: 1 } }))
    await rig.settle()
    worker.exited('a.1', 3)
    await rig.settle()
    await rig.advance(1)
    worker.exited('a.2', 4)
    await rig.settle()
    const told = await client.explain('a')
    expect(told.task).toMatchObject({ state: 'Failed', outcome: 'exit', exitCode: 4, attempt: 2, restarts: 1 })
    expect(told.decision).toMatchObject({ picked: 'n1', scores: [{ nodeId: 'n1', name: 'name-n1' }] })
    expect(told.attempts).toMatchObject([
      { attempt: 1, nodeId: 'n1', exitCode: 3, reason: 'exited with code 3' },
      { attempt: 2, nodeId: 'n1', exitCode: 4 },
    ])
    expect(told.events.map(({ event, attempt }) => `${event.type} ${attempt}`)).toEqual([
      'Created 0',
      'Placed 1',
      'Started 1',
      'Exited 1',
      'BackOffElapsed 1',
      'Placed 2',
      'Started 2',
      'Exited 2',
    ])
    expect(told.timers).toEqual([])
    await rig.restart()
    client = await rig.client()
    const { schedulers, ...again } = await client.explain('a')
    const { schedulers: _then, ...before } = told
    expect(again).toEqual({ ...before, req: 1 })
    // What would be decided now is of now: its worker has yet to come back.
    for (const { why } of schedulers ?? []) expect(why).toBe('1 node not ready')
  })
})

test('the list of nodes has what each offers, what is reserved there, and how many tasks', async () => {
  await rig.worker({ nodeId: 'n2', name: 'beta', cpus: 1, node: { labels: { zone: 'b' } } })
  await rig.worker({ nodeId: 'n1', name: 'alpha', cpus: 4 })
  await client.submit('a', spec({ cpus: 1.5, memoryBytes: 2 ** 30 }))
  const { items } = await client.nodes()
  expect(items).toMatchObject([
    {
      id: 'n1',
      name: 'alpha',
      state: 'Ready',
      draining: false,
      reserved: { cpus: 1.5, memoryBytes: 2 ** 30 },
      tasks: 1,
    },
    { id: 'n2', name: 'beta', state: 'Ready', reserved: { cpus: 0, memoryBytes: 0 }, tasks: 0, labels: { zone: 'b' } },
  ])
  expect(items[1]?.drivers).toEqual({ process: 'complete' })
  expect(await stateOfTask(client, 'a')).toBe('Scheduled.Starting')
})
