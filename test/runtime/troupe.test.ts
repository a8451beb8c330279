/** The verbs of the programmatic API against a real manager and worker in this process, near and from afar. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { waitFor } from 'xstate'
import type { LogLine, StreamOptions, TaskEvent } from '../../runtime/index.ts'
import { running, soon, spec, take, World } from './troupe-world.ts'

let world: World

beforeEach(async () => {
  world = new World()
  await world.open()
  await world.connect()
})

afterEach(() => world.close())

describe.each(['near', 'far'] as const)('%s', (where) => {
  const troupe = () => world[where]

  test('the same task twice is one, and another under its id is refused', async () => {
    const first = await troupe().run(spec, { id: 'order-7' })
    const second = await troupe().run(spec, { id: 'order-7' })
    expect([first.id, second.id]).toEqual(['order-7', 'order-7'])
    await expect(troupe().run({ ...spec, name: 'other' }, { id: 'order-7' })).rejects.toMatchObject({
      code: 'Conflict',
      retryable: false,
    })
    expect((await troupe().get('order-')).id).toBe('order-7')
    await expect(troupe().get('nobody')).rejects.toMatchObject({ code: 'NotFound' })
  })

  test('what is no task is refused before it is sent, whatever the compiler was told', async () => {
    const wrong = [{ driver: 'docker', image: 5 }, { driver: 'process' }, {}, { ...spec, cpus: -1 }]
    for (const one of wrong) {
      await expect(troupe().run(one as never)).rejects.toMatchObject({ name: 'TroupeError', code: 'Invalid' })
    }
    await expect(troupe().run(spec, { id: 'Not An Id' })).rejects.toMatchObject({ code: 'Invalid' })
    await expect(troupe().stop('x', { graceMs: -1 })).rejects.toMatchObject({ code: 'Invalid' })
    await expect(troupe().nodes({ timeoutMs: -1 })).rejects.toMatchObject({ code: 'Invalid' })
    await expect(take(troupe().events({ filter: { id: 'x' } as never }), 1)).rejects.toMatchObject({ code: 'Invalid' })
    // The connection is as good as before.
    expect((await troupe().run({ ...spec, name: undefined } as never)).getSnapshot().status).toBe('active')
    expect(troupe().metrics().reconnects).toBe(0)
  })

  test('lists what fits, page by page', async () => {
    for (let at = 0; at < 7; at += 1) {
      await troupe().run({ ...spec, labels: { team: at < 5 ? 'red' : 'blue' } }, { id: `t-${at}` })
    }
    const filter = { labels: { team: 'red' } }
    const first = await troupe().list({ filter, limit: 2 })
    expect(first.tasks.map(({ id }) => id)).toEqual(['t-0', 't-1'])
    const second = await troupe().list({ filter, limit: 2, ...(first.next ? { after: first.next } : {}) })
    expect(second.tasks.map(({ id }) => id)).toEqual(['t-2', 't-3'])
    const all = await take(troupe().listAll({ filter, limit: 2, scope: 'all' }), 100)
    expect(all.map(({ id }) => id)).toEqual(['t-0', 't-1', 't-2', 't-3', 't-4'])
    expect((await troupe().list({ filter: { states: ['Failed'] } })).tasks).toEqual([])
  })

  test('plans what would be run, and runs nothing', async () => {
    const plan = await troupe().plan(spec)
    expect(plan).toMatchObject({ why: null, ahead: 0 })
    expect(plan.decisions[0]).toMatchObject({ scheduler: 'round-robin', picked: plan.nodeId })
    expect((await troupe().list({ scope: 'all' })).tasks).toEqual([])
    const nowhere = await troupe().plan({ ...spec, constraints: ['zone=moon'] })
    expect(nowhere).toMatchObject({ node: null, why: '1 node does not match zone=moon' })
    const { id } = await running(troupe())
    expect((await troupe().plan(spec, { id })).task).toMatchObject({ id, state: 'Running' })
    const conflict = troupe().plan({ ...spec, labels: { other: 'yes' } }, { id })
    await expect(conflict).rejects.toMatchObject({ code: 'Conflict' })
    await expect(troupe().plan({ ...spec, driver: 'docker' })).rejects.toMatchObject({ code: 'Invalid' })
    await expect(troupe().plan({ driver: 5 } as never)).rejects.toMatchObject({ code: 'Invalid' })
  })

  test('waits, stops, runs again, explains', async () => {
    const task = await running(troupe())
    await expect(task.rerun()).rejects.toMatchObject({ code: 'Conflict' })
    expect(await troupe().explain(task.id)).toMatchObject({ task: { id: task.id }, spec, attempts: [{ attempt: 1 }] })
    const waiting = troupe().wait(task.id, soon)
    expect(await task.stop()).toEqual({ alreadyFinal: false })
    expect(await waiting).toEqual(await task.result())
    expect(await troupe().stop(task.id)).toEqual({ alreadyFinal: true })
    const again = await task.rerun({ id: 'again' })
    expect(again.getSnapshot().context).toMatchObject({ id: 'again', rerunOf: task.id })
    await waitFor(again, (s) => s.matches('Running'), { timeout: 20_000 })
    expect((await again.explain()).task.state).toBe('Running')
  })

  test('watches what fits: as it is, as it changes, and when it does not fit any more', async () => {
    const live = await running(troupe(), { labels: { of: 'watch' } })
    await running(troupe())
    const filter = { labels: { of: 'watch' }, states: ['Running' as const] }
    const changes = troupe().watch({ filter })[Symbol.asyncIterator]()
    expect((await changes.next()).value).toMatchObject({ type: 'Changed', task: { id: live.id, state: 'Running' } })
    const next = changes.next()
    world.driver.exit(live.id, 0)
    expect((await next).value).toEqual({ type: 'Removed', id: live.id, why: 'unfit' })
    const another = troupe().run({ ...spec, labels: { of: 'watch' } }, { id: 'another' })
    expect((await changes.next()).value).toMatchObject({ type: 'Changed', task: { id: (await another).id } })
    await changes.return?.()
    expect(await changes.next()).toMatchObject({ done: true })
  })

  test('drains nodes, and does not forget one that is of use', async () => {
    expect(await troupe().nodes()).toMatchObject([{ name: 'node-1', draining: false }])
    expect(await troupe().drain('node-1', { deadlineMs: 60_000 })).toMatchObject({ draining: true })
    expect(await troupe().undrain('node-1')).toMatchObject({ draining: false })
    await expect(troupe().removeNode('node-1')).rejects.toMatchObject({ code: 'Conflict' })
    await expect(troupe().drain('node-2')).rejects.toMatchObject({ code: 'NotFound' })
    await expect(troupe().backup('not/absolute')).rejects.toMatchObject({ code: 'Invalid' })
  })

  test('gives up at a deadline or a signal, and the task goes on', async () => {
    const task = await running(troupe())
    await expect(task.result({ timeoutMs: 10 })).rejects.toMatchObject({ code: 'Unavailable' })
    await expect(troupe().wait(task.id, { timeoutMs: 10 })).rejects.toMatchObject({ code: 'Unavailable' })
    const stop = new AbortController()
    const waits = [task.result({ signal: stop.signal }), troupe().wait(task.id, { signal: stop.signal })]
    const reason = new Error('enough')
    stop.abort(reason)
    for (const wait of waits) await expect(wait).rejects.toBe(reason)
    await expect(troupe().run(spec, { signal: stop.signal, id: 'never-sent' })).rejects.toBe(reason)
    await expect(troupe().get('never-sent')).rejects.toMatchObject({ code: 'NotFound' })
    expect((await troupe().get(task.id)).getSnapshot().status).toBe('active')
  })

  test('tells transitions from now, from the beginning, and from a position', async () => {
    const live = troupe().events({ filter: { labels: { of: 'this' } } })
    const task = await running(troupe(), { labels: { of: 'this' } })
    await running(troupe())
    world.driver.exit(task.id, 0)
    await task.result()
    const told = await take(live, 4)
    expect(told.map(({ to }) => to)).toEqual(['Pending.Queued', 'Scheduled.Starting', 'Running.Up', 'Completed'])
    const all: TaskEvent[] = []
    const history = task.events()
    for await (const event of history) all.push(event)
    expect(all).toEqual(told)
    const stream = task.events()
    await take(stream, 2)
    expect(stream.position).toBeDefined()
    const rest = task.events(stream.position ? { from: stream.position } : {})
    expect((await take(rest, 2)).map(({ to }) => to)).toEqual(['Running.Up', 'Completed'])
  })

  test('a position of another log is no silent gap', async () => {
    const foreign = { logId: 'another', revision: 3 }
    await expect(take(troupe().events({ from: foreign }), 1)).rejects.toMatchObject({ code: 'LostHistory' })
    const task = await running(troupe())
    const reasons: string[] = []
    const told = troupe().events({ from: foreign, onReset: (reason) => reasons.push(reason) })
    expect((await take(told, 1))[0]).toMatchObject({ taskId: task.id })
    expect(reasons).toHaveLength(1)
  })

  test('gives the output as lines', async () => {
    const task = await running(troupe())
    const { driver } = world
    driver.write(task.id, 'one\ntw')
    driver.write(task.id, 'oops\r\n', 'stderr')
    driver.write(task.id, 'o\n\nend')
    const follow = take(task.logs({ follow: true }), 100)
    expect((await take(task.logs(), 100)).filter(isOn('stdout')).map(textOf)).toEqual(['one', 'two', '', 'end'])
    driver.exit(task.id, 0)
    const lines = await follow
    expect(lines.filter(isOn('stdout')).map(textOf)).toEqual(['one', 'two', '', 'end'])
    expect(lines.filter(isOn('stderr')).map(textOf)).toEqual(['oops'])
    expect(lines.find(({ text }) => text === 'end')).toMatchObject({ partial: true, attempt: 1 })
    await expect(take(task.logs({ attempt: 2 }), 1)).rejects.toMatchObject({ code: 'NotFound' })
    await expect(take(troupe().logs('nobody'), 1)).rejects.toMatchObject({ code: 'NotFound' })
  })

  test('every iteration ends quietly with its signal, and with Unavailable when its time is over', async () => {
    const task = await running(troupe())
    const kinds = {
      events: (options: StreamOptions) => troupe().events(options),
      'events of a task': (options: StreamOptions) => task.events({ from: 'now', ...options }),
      watch: (options: StreamOptions) => troupe().watch({ filter: { ids: [task.id] }, ...options }),
      logs: (options: StreamOptions) => troupe().logs(task.id, { follow: true, ...options }),
      'logs of a task': (options: StreamOptions) => task.logs({ follow: true, ...options }),
    }
    for (const [name, open] of Object.entries(kinds)) {
      const late = take<unknown>(open({ timeoutMs: 20 }), 100)
      await expect(late, name).rejects.toMatchObject({ code: 'Unavailable', retryable: true })
      const wrong = take<unknown>(open({ timeoutMs: -1 }), 100)
      await expect(wrong, name).rejects.toMatchObject({ code: 'Invalid', retryable: false })
      expect(await take<unknown>(open({ signal: AbortSignal.abort() }), 100), name).toEqual([])
      const stop = new AbortController()
      const aborted = take<unknown>(open({ signal: stop.signal }), 100)
      setImmediate(() => stop.abort())
      expect((await aborted).length, name).toBeLessThan(2)
    }
    // What ended in time is not late.
    world.driver.write(task.id, 'said\n')
    world.driver.exit(task.id, 0)
    expect(await take(task.logs({ follow: true, ...soon }), 100)).toMatchObject([{ text: 'said' }])
    expect((await take(task.events(soon), 100)).at(-1)).toMatchObject({ to: 'Completed' })
  })

  test('follows the output through attempts, until it is aborted', async () => {
    const task = await running(troupe(), { restart: { policy: 'always', backOffMs: 1, backOffMaxMs: 1 } })
    const stop = new AbortController()
    const lines: LogLine[] = []
    world.driver.write(task.id, 'first\n')
    for await (const line of task.logs({ follow: true, signal: stop.signal })) {
      lines.push(line)
      if (lines.length === 1) {
        world.driver.exit(task.id, 1)
        await waitFor(task, (s) => s.context.attempt === 2 && s.matches('Running'), { timeout: 20_000 })
        world.driver.write(task.id, 'second\n', 'stdout', 2)
      } else stop.abort()
    }
    expect(lines).toMatchObject([
      { text: 'first', attempt: 1 },
      { text: 'second', attempt: 2 },
    ])
  })
})

const isOn = (stream: LogLine['stream']) => (line: LogLine) => line.stream === stream
const textOf = ({ text }: LogLine) => text

test('hundreds of tasks are heard over few subscriptions, and none when nobody listens', async () => {
  const { far, driver } = world
  const tasks = await Promise.all(Array.from({ length: 400 }, () => far.run(spec)))
  const ends = tasks.map((task) => task.result(soon))
  await waitFor(tasks[399] as (typeof tasks)[0], (s) => s.matches('Running'), { timeout: 20_000 })
  const { tasksHeard, subscriptions } = far.metrics()
  expect(tasksHeard).toBe(400)
  expect(subscriptions).toBeLessThanOrEqual(10)
  for (const task of tasks) {
    await waitFor(task, (s) => s.matches('Running'), { timeout: 20_000 })
    driver.exit(task.id, 0)
  }
  expect(new Set((await Promise.all(ends)).map(({ outcome }) => outcome))).toEqual(new Set(['succeeded']))
  expect(far.metrics()).toMatchObject({ tasksHeard: 0, subscriptions: 0 })
}, 60_000)

test('one that is unknown among many does not take the others with it', async () => {
  const { far, driver } = world
  const known = await Promise.all(Array.from({ length: 5 }, () => running(far)))
  const [ghost] = await Promise.all([far.run(spec, { id: 'ghost' })])
  const heard: string[] = []
  // Of a store that has forgotten it.
  Object.defineProperty(ghost, 'id', { value: 'ghost-of-a-past' })
  ghost.subscribe({ error: (error) => heard.push((error as { code: string }).code) })
  const ends = known.map((task) => task.result(soon))
  for (const task of known) driver.exit(task.id, 0)
  expect((await Promise.all(ends)).map(({ outcome }) => outcome)).toEqual(Array(5).fill('succeeded'))
  await expect.poll(() => heard, { timeout: 20_000 }).toEqual(['NotFound'])
})
