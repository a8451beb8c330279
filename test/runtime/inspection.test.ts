/** Live inspection of all actors over the public protocol, with a real manager and worker on a network in memory. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { clientLimits } from '../../actors/protocol/client.ts'
import type { ActorNews, ActorStep, ActorStream, ActorView } from '../../runtime/index.ts'
import { running, soon, World } from './troupe-world.ts'

let world: World
beforeEach(async () => {
  world = new World()
  await world.open()
  await world.connect()
})
afterEach(() => world.close())

/** Reads on until something is true of what was read, and keeps what it read. */
class Watcher {
  readonly actors = new Map<string, ActorView>()
  readonly steps: ActorStep[] = []
  readonly snapshots: Extract<ActorNews, { type: 'Snapshot' }>[] = []
  missed = 0
  readonly #items: AsyncIterator<ActorNews>

  constructor(stream: ActorStream) {
    this.#items = stream[Symbol.asyncIterator]()
  }

  async next(): Promise<void> {
    const { value, done } = await this.#items.next()
    if (done) throw new Error('it ended')
    if (value.type === 'Snapshot') {
      this.snapshots.push(value)
      this.actors.clear()
      for (const actor of value.actors) this.actors.set(actor.id, actor)
      return
    }
    this.missed += value.missed
    this.steps.push(...value.steps)
  }

  async until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await this.next()
  }

  of(id: string): ActorStep[] {
    return this.steps.filter((step) => step.id === id)
  }
}

const watch = (filter?: { ids?: string[]; nodes?: string[] }) =>
  new Watcher(world.far.actors({ ...soon, ...(filter === undefined ? {} : { filter }) }))

const nodeId = async () => (await world.far.nodes())[0]?.id as string

describe('without a filter', () => {
  test('the manager, the node, its worker and its session are shown, with their states and who they belong to', async () => {
    const id = await nodeId()
    const watcher = watch()
    await watcher.next()
    expect(watcher.snapshots).toMatchObject([{ type: 'Snapshot', isAgain: false }])
    // A machine that is busy may have let a heartbeat be late.
    const shown = [...watcher.actors.values()].map(({ id, parent, value, status }) => [
      ...[id, parent, value.replace('Suspect', 'Ready'), status],
    ])
    expect(shown.sort()).toEqual([
      ['manager', undefined, 'Serving', 'active'],
      [`node:${id}`, 'manager', 'Liveness.Ready+Admission.Open', 'active'],
      [`session:${id}`, `worker:${id}`, 'Established', 'active'],
      [`worker:${id}`, `node:${id}`, 'Serving', 'active'],
    ])
    expect(watcher.actors.get(`session:${id}`)).toMatchObject({ nodeId: id, context: { failures: 0, epoch: 1 } })
    expect(watcher.actors.get(`node:${id}`)?.context).toMatchObject({ registration: { name: 'node-1' } })
    expect(watcher.actors.get('manager')?.atMs).toBeGreaterThan(0)
  })

  test('each step comes as it is stored, and nothing of tasks', async () => {
    const id = await nodeId()
    const watcher = watch()
    await watcher.next()
    await running(world.far)
    await world.far.drain('node-1')
    const drains = () => watcher.steps.filter(({ event }) => event.type === 'Drain')
    await watcher.until(() => drains().length > 0)
    expect(watcher.steps.filter(({ machine }) => machine !== 'node')).toEqual([])
    expect(drains()).toMatchObject([
      {
        id: `node:${id}`,
        machine: 'node',
        event: { type: 'Drain' },
        from: 'Liveness.Ready+Admission.Open',
        to: 'Liveness.Ready+Admission.Draining',
        status: 'active',
        context: { version: 3 },
      },
    ])
  })
})

describe('with ids', () => {
  test('a task and its attempts, to their ends', async () => {
    const task = await running(world.far, { env: { SECRET: 'hidden-from-all' } })
    const id = await nodeId()
    const watcher = watch({ ids: [task.id.slice(0, 8)] })
    await watcher.next()
    expect([...watcher.actors.keys()].sort()).toEqual([`attempt:${task.id}/1`, `task:${task.id}`])
    expect(watcher.actors.get(`task:${task.id}`)).toMatchObject({ value: 'Running.Up', nodeId: id, attempt: 1 })
    expect(watcher.actors.get(`attempt:${task.id}/1`)).toMatchObject({ value: 'Running', parent: `task:${task.id}` })
    world.driver.exit(task.id, 7)
    await watcher.until(() => watcher.of(`attempt:${task.id}/1`).at(-1)?.to === '')
    expect(watcher.of(`task:${task.id}`)).toMatchObject([
      { event: { type: 'Exited', exitCode: 7 }, from: 'Running.Up', to: 'Failed', status: 'done' },
    ])
    const attempt = watcher.of(`attempt:${task.id}/1`)
    const moved = attempt.filter(({ from, to }) => from !== to)
    expect(moved.map(({ to }) => to)).toEqual(['Ended', 'Removing', 'Removed', ''])
    for (const [at, step] of attempt.entries()) if (at > 0) expect(step.from).toBe(attempt[at - 1]?.to)
    expect(watcher.missed).toBe(0)
    expect(JSON.stringify([watcher.steps, watcher.snapshots])).not.toContain('hidden-from-all')
  })

  test('one that has ended is shown as it ended; one that is new in view of another is told from its first step', async () => {
    const task = await running(world.far)
    world.driver.exit(task.id, 0)
    await task.result(soon)
    const watcher = watch({ ids: [task.id] })
    await watcher.next()
    expect(watcher.actors.get(`task:${task.id}`)).toMatchObject({ value: 'Completed', status: 'done' })
  })

  test('what cannot be followed is said', async () => {
    await expect(watch({ ids: ['nobody'] }).next()).rejects.toMatchObject({ code: 'NotFound' })
    const both = { ids: ['a'], nodes: ['node-1'] }
    await expect(watch(both).next()).rejects.toMatchObject({ code: 'Invalid' })
    await expect(watch({ states: ['Running'] } as never).next()).rejects.toMatchObject({ code: 'Invalid' })
  })
})

test('with nodes, only the machines of those', async () => {
  const id = await nodeId()
  const watcher = watch({ nodes: ['node-1'] })
  await watcher.next()
  expect([...watcher.actors.keys()].sort()).toEqual([`node:${id}`, `session:${id}`, `worker:${id}`])
  const none = watch({ nodes: ['node-2'] })
  await none.next()
  expect(none.actors.size).toBe(0)
})

test('one too many throws, and does not wait for another to leave', async () => {
  const watchers = Array.from({ length: clientLimits.actorStreamsMax }, () => watch())
  await Promise.all(watchers.map((watcher) => watcher.next()))
  await expect(watch().next()).rejects.toMatchObject({ code: 'Overloaded' })
  await world.far.drain('node-1')
  const [first] = watchers
  await first?.until(() => first.steps.some(({ event }) => event.type === 'Drain'))
})

test('after a lost connection it begins anew, and says so', async () => {
  const watcher = watch()
  await watcher.next()
  world.network.cut('client')
  await watcher.next()
  expect(watcher.snapshots).toMatchObject([{ isAgain: false }, { isAgain: true }])
  expect(watcher.actors.size).toBe(4)
})

test('two who watch see the same, and one that leaves takes nothing from the other', async () => {
  const task = await running(world.far)
  const one = watch()
  const stream = world.far.actors({ filter: { ids: [task.id] } })
  const other = new Watcher(stream)
  await Promise.all([one.next(), other.next()])
  stream.close()
  await world.far.drain('node-1')
  await one.until(() => one.steps.some(({ event }) => event.type === 'Drain'))
})
