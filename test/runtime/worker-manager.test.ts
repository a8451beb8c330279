import { describe, expect, test } from 'vitest'
import { type Client, connectClient } from '../../runtime/client/client.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { ManagerHost } from '../../runtime/manager/manager.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'
import { Stage, seededRandom, spec, until } from './worker-fixture.ts'

/** A real manager on a stage for workers, and a client of it. */
async function open(stage: Stage, storage = createMemoryStorage()) {
  const { clock } = stage
  const manager = new ManagerHost({
    // A manager closes its store; this one is opened again.
    storage: {
      supports: storage.supports,
      get: (name) => storage.get(name),
      batch: (ops, options) => storage.batch(ops, options),
      scan: (range) => storage.scan(range),
      deleteRange: (gte, lt, options) => storage.deleteRange(gte, lt, options),
      close: async () => {},
    },
    transports: [{ transport: stage.transport, listen: '127.0.0.1:4747' }],
    token: 'token',
    version: 'test',
    clock,
    random: seededRandom(99),
    logger: silentLogger,
    onFailure: (error) => stage.said.push(error.message),
  })
  await manager.start()
  return { manager, storage }
}

const managerUrl = 'ws://127.0.0.1:4747'

async function dial(stage: Stage): Promise<Client> {
  const { transport, clock } = stage
  return connectClient({
    transport,
    url: managerUrl,
    token: 'token',
    clock,
    random: seededRandom(7),
    logger: silentLogger,
  })
}

/** Polls the manager until the task is in this state. */
async function reaches(stage: Stage, client: Client, taskId: string, state: string): Promise<void> {
  let now = ''
  let asking = false
  await until(
    `${taskId} is ${state}`,
    () => {
      if (!asking) {
        asking = true
        const answered = client.query({ ids: [taskId] }).then(({ items }) => {
          now = items[0]?.state ?? 'none'
          asking = false
        })
        // The last question may still be open when the client is closed.
        answered.catch(() => {})
      }
      return now === state
    },
    stage.clock,
  )
}

describe('a worker and a real manager', () => {
  test('run a task to its end, and leave nothing behind', async () => {
    const stage = new Stage()
    const { manager } = await open(stage)
    const life = stage.begin({ managerUrl })
    await stage.connected(life)
    const client = await dial(stage)
    await client.submit('one', spec)
    await reaches(stage, client, 'one', 'Running')
    stage.world.exit({ taskId: 'one', attempt: 1 }, 3)
    await reaches(stage, client, 'one', 'Failed')
    const [task] = (await client.query({ ids: ['one'] })).items
    expect(task).toMatchObject({ state: 'Failed', exitCode: 3, outcome: 'exit', node: 'w1' })
    await until('it is removed', () => stage.world.removed.includes('one.1'), stage.clock)
    await life.worker.stop()
    await client.close()
    await manager.stop()
  })

  test('a stopped task ends, and a killed worker takes its tasks up again', async () => {
    const stage = new Stage()
    const { manager } = await open(stage)
    const first = stage.begin({ managerUrl })
    await stage.connected(first)
    const client = await dial(stage)
    await client.submit('one', spec)
    await client.submit('two', spec)
    await reaches(stage, client, 'one', 'Running')
    await reaches(stage, client, 'two', 'Running')
    first.kill()
    await client.stop('one')
    stage.world.exit({ taskId: 'two', attempt: 1 }, 0)
    const second = stage.begin({ managerUrl })
    await stage.connected(second)
    await reaches(stage, client, 'one', 'Completed')
    await reaches(stage, client, 'two', 'Completed')
    expect([...stage.world.begun.values()]).toEqual([1, 1])
    await until('both are removed', () => stage.world.removed.length === 2, stage.clock)
    await second.worker.stop()
    await client.close()
    await manager.stop()
  })

  test('a manager that comes back finds its tasks running', async () => {
    const stage = new Stage()
    const before = await open(stage)
    const life = stage.begin({ managerUrl })
    await stage.connected(life)
    const client = await dial(stage)
    await client.submit('one', spec)
    await reaches(stage, client, 'one', 'Running')
    await client.close()
    await before.manager.stop()
    stage.world.exit({ taskId: 'one', attempt: 1 }, 0)
    const after = await open(stage, before.storage)
    const again = await dial(stage)
    await reaches(stage, again, 'one', 'Completed')
    expect(stage.world.begun.get('one.1')).toBe(1)
    await life.worker.stop()
    await again.close()
    await after.manager.stop()
  })
})
