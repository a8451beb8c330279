/** Backups, and what a restored manager makes of workers that know more than it does. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec, stateOfTask } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

let rig: Rig
let client: Client

const service = spec({ restart: { policy: 'always' } })

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

async function restored(): Promise<void> {
  await rig.restore('/copy', { newTerm: true })
  client = await rig.client()
}

/** Dials again as a worker would that has seen the epoch of the manager before. */
async function rejoin(worker: ScriptedWorker, highestEpoch: number, attempts = [...worker.statuses.values()]) {
  await rig.dial(worker)
  worker.hello({ highestEpoch, attempts })
  await rig.settle()
}

async function started(worker: ScriptedWorker, taskId: string, wish = spec()): Promise<void> {
  await client.submit(taskId, wish)
  await rig.settle()
  worker.started(`${taskId}.1`)
  await rig.settle()
}

describe('a backup', () => {
  test('holds all that was acknowledged before, while more is going on', async () => {
    const worker = await rig.worker()
    await started(worker, 'running')
    const before = Array.from({ length: 50 }, (_, at) => `before-${at}`)
    await Promise.all(before.map((id) => client.submit(id, spec({ constraints: ['node=none'] }))))
    const making = client.backup('/copy')
    const meanwhile = Array.from({ length: 50 }, (_, at) => client.submit(`later-${at}`, service))
    const { entries, revision } = await making
    await Promise.all(meanwhile)
    expect(entries).toBeGreaterThan(100)
    expect(revision).toBeGreaterThan(50)
    await restored()
    const { items } = await client.query({ ids: [...before, 'running'] })
    expect(items).toHaveLength(51)
  })

  test('is taken over by a new term only', async () => {
    await client.backup('/copy')
    await expect(rig.restore('/copy', { newTerm: false })).rejects.toThrow(/is a backup.*--new-term/)
    await rig.restore('/copy', { newTerm: true })
    // From then on it is a store as any other.
    rig.newTerm = false
    await rig.restart()
    client = await rig.client()
    expect((await client.nodes()).items).toEqual([])
  })

  test('of which another is being made is refused', async () => {
    rig.disk.scans.hold()
    const first = client.backup('/copy')
    await vi.waitUntil(() => rig.disk.scans.waiting > 0, { timeout: 30_000, interval: 5 })
    await expect(client.backup('/other')).rejects.toMatchObject({ code: 'Overloaded' })
    rig.disk.scans.release()
    await first
    await client.backup('/other')
  })
})

test('a manager that stops does not wait for a backup', async () => {
  await client.submit('a', spec())
  rig.disk.scans.hold()
  const making = client.backup('/copy')
  const refusal = expect(making).rejects.toMatchObject({
    code: 'Unavailable',
    message: expect.stringContaining('is stopping'),
  })
  await vi.waitUntil(() => rig.disk.scans.waiting > 0, { timeout: 30_000, interval: 5 })
  const stopped = rig.host.stop()
  rig.disk.scans.release()
  await Promise.all([stopped, refusal])
  expect(rig.copies.has('/copy')).toBe(false)
})

describe('a new term', () => {
  test('has a log of its own and an epoch above any that a worker has seen, however often a copy is restored', async () => {
    const { logId, epoch } = client.welcome
    await client.backup('/copy')
    await restored()
    const first = client.welcome
    expect(first.logId).not.toBe(logId)
    expect(first.epoch).toBeGreaterThan(epoch + 100_000)
    await client.backup('/copy')
    await rig.clock.advance(5_000)
    await restored()
    expect(client.welcome.epoch).toBeGreaterThan(first.epoch)
  })

  test('tells subscribers of positions in the old log to begin anew', async () => {
    await client.submit('a', spec())
    await client.backup('/copy')
    const { revision } = await client.nodes()
    const from = { logId: client.welcome.logId, revision }
    await restored()
    let reset: string | undefined
    const subscription = client.subscribe({ topic: 'tasks', taskId: 'a', from }, {
      onReset: (reason: string) => (reset = reason),
    } as never)
    await rig.settle()
    expect(reset).toBe('that position is of another log')
    await subscription.close()
  })

  test('adopts what runs on as the copy knows it', async () => {
    const worker = await rig.worker()
    await started(worker, 'on')
    await client.backup('/copy')
    await restored()
    await rejoin(worker, 1)
    expect(worker.wishes).toEqual(['on.1 run'])
    expect(await stateOfTask(client, 'on')).toBe('Running')
  })

  test('never has an attempt of the copy started again that its worker no longer has', async () => {
    const worker = await rig.worker()
    await started(worker, 'batch')
    await started(worker, 'service', service)
    await client.backup('/copy')
    worker.exited('batch.1')
    worker.exited('service.1', 3)
    await rig.settle()
    await restored()
    await rejoin(worker, 1, [])
    const { items } = await client.query({ ids: ['batch', 'service'] })
    expect(items[0]).toMatchObject({ state: 'Failed', outcome: 'lost' })
    expect(items[0]?.reason).toContain('the manager was restored')
    // Above any number that the time after the backup can have used.
    expect(worker.wishes).toEqual([`service.${client.welcome.epoch + 1} run`])
  })

  test('takes in a worker whose attempts are ahead, and gives their numbers to no other', async () => {
    const worker = await rig.worker()
    await started(worker, 'service', service)
    await client.backup('/copy')
    worker.exited('service.1', 3)
    await rig.settle()
    await rig.advance(5_000)
    expect(worker.wishes).toEqual(['service.2 run'])
    worker.started('service.2')
    await rig.settle()
    await restored()
    const ahead = [...worker.statuses.values()].filter(({ attempt }) => attempt === 2)
    await rejoin(worker, 1, ahead)
    expect(worker.closed).toBeUndefined()
    expect(worker.wishes).toEqual([`service.${client.welcome.epoch + 1} run`])
    // Having met this term, a worker that is ahead of it proves a loss again.
    const status = {
      taskId: 'service',
      attempt: client.welcome.epoch + 9,
      seq: 1,
      reserved: { cpus: 1, memoryBytes: 1 },
    }
    await rejoin(worker, client.welcome.epoch, [status])
    expect(worker.all('Refused')[0]).toMatchObject({
      code: 'LostHistory',
      message: expect.stringContaining('--new-term'),
    })
  })

  test('counts nothing as lost that it has placed itself', async () => {
    await client.submit('later', spec())
    await client.backup('/copy')
    await restored()
    const worker = await rig.worker()
    expect(worker.wishes).toEqual([`later.${client.welcome.epoch + 1} run`])
    await rejoin(worker, 1, [])
    expect(await stateOfTask(client, 'later')).toBe('Scheduled.Starting')
  })
})
