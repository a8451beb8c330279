import { describe, expect, test } from 'vitest'
import { type TaskState, type TaskView, taskStates } from '../../actors/model.ts'
import { everyTask, type TasksQuery } from '../../inspector/page/route.ts'
import { TaskTable } from '../../inspector/page/tasks/task-table.ts'
import { viewOf } from './task-view.ts'

const query = (part: Partial<TasksQuery>): TasksQuery => ({ ...everyTask, ...part })
const changed = (task: TaskView) => ({ type: 'Changed', task }) as const
const removed = (id: string) => ({ type: 'Removed', id, why: 'gone' }) as const
const shownIds = (table: TaskTable) => table.shown.slice(0, table.shown.count).map(({ id }) => id)

/** The same as the table's, by looking at everything. */
function plainly(tasks: Iterable<TaskView>, fits: (task: TaskView) => boolean): string[] {
  return [...tasks]
    .filter(fits)
    .sort((one, other) => other.createdAtMs - one.createdAtMs || (one.id < other.id ? -1 : 1))
    .map(({ id }) => id)
}

/** The same numbers with each run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('order', () => {
  test('is newest first, and by id where two are as old', () => {
    const table = new TaskTable()
    const tasks = [viewOf('b', { createdAtMs: 2 }), viewOf('d', { createdAtMs: 1 }), viewOf('a', { createdAtMs: 2 })]
    table.apply(tasks.map(changed), 0)
    table.apply([changed(viewOf('c', { createdAtMs: 3 }))], 0)
    expect(shownIds(table)).toEqual(['c', 'a', 'b', 'd'])
    expect(
      shownIds(table).map((id) => table.shown.indexOf({ id, createdAtMs: table.get(id)?.createdAtMs ?? 0 })),
    ).toEqual([0, 1, 2, 3])
    expect(table.shown.indexOf({ id: 'nobody', createdAtMs: 2 })).toBe(-1)
  })

  test('holds for any coming and going, with every query, and so do the counts', () => {
    const random = numbers(7)
    const table = new TaskTable()
    const known = new Map<string, TaskView>()
    const queries = [query({}), query({ states: ['Running'] }), query({ search: 'web', nodes: ['n1'] })]
    for (let round = 0; round < 300; round += 1) {
      const chosen = queries[Math.floor(round / 10) % queries.length] as TasksQuery
      if (round % 10 === 0) table.narrow(chosen)
      const changes = Array.from({ length: Math.floor(random() * 8) }, () => {
        const id = `t${Math.floor(random() * 60)}`
        if (random() < 0.2) {
          known.delete(id)
          return removed(id)
        }
        const before = known.get(id)
        const task = viewOf(id, {
          name: random() < 0.5 && before === undefined ? 'web' : (before?.name ?? 'batch'),
          createdAtMs: before?.createdAtMs ?? Math.floor(random() * 40),
          state: taskStates[Math.floor(random() * 3)] as TaskState,
          node: random() < 0.5 ? 'n1' : 'n2',
        })
        known.set(id, task)
        return changed(task)
      })
      table.apply(changes, round)
      const rest = ({ name, node }: TaskView) => chosen.search === '' || (name === 'web' && node === 'n1')
      const fits = (task: TaskView) => rest(task) && (chosen.states.length === 0 || task.state === 'Running')
      expect(shownIds(table)).toEqual(plainly(known.values(), fits))
      for (const state of taskStates) {
        const all = [...known.values()].filter((task) => task.state === state)
        expect(table.states.of(state)).toBe(all.length)
        expect(table.countedStates.of(state)).toBe(all.filter(rest).length)
      }
      expect(table.nodes.of('n1')).toBe([...known.values()].filter(({ node }) => node === 'n1').length)
      expect(table.count).toBe(known.size)
    }
  })

  test('a task that is another one by the same id takes the place of its own', () => {
    const table = new TaskTable()
    table.apply([viewOf('a', { createdAtMs: 1 }), viewOf('b', { createdAtMs: 2 })].map(changed), 0)
    table.apply([changed(viewOf('a', { createdAtMs: 3 }))], 0)
    expect(shownIds(table)).toEqual(['a', 'b'])
    expect(table.states.of('Running')).toBe(2)
  })
})

describe('news', () => {
  test('are the truth as they come, and pages that were asked for only where they are newer', () => {
    const table = new TaskTable()
    table.apply([changed(viewOf('a', { revision: 9, state: 'Running' }))], 0)
    table.fill([viewOf('a', { revision: 4, state: 'Pending' }), viewOf('b', { revision: 2 })], 0)
    expect(table.get('a')?.task.state).toBe('Running')
    expect(table.count).toBe(2)
    table.fill([viewOf('a', { revision: 12, state: 'Completed', outcome: 'succeeded' })], 0)
    expect(table.get('a')?.task.state).toBe('Completed')
    // A manager whose store was restored counts from further back.
    table.apply([changed(viewOf('a', { revision: 3, state: 'Scheduled' }))], 0)
    expect(table.get('a')?.task.state).toBe('Scheduled')
  })

  test('say when a state changed, which a first sight and a new reason are not', () => {
    const table = new TaskTable()
    table.apply([changed(viewOf('a', { state: 'Pending', detail: 'Queued' }))], 1)
    expect(table.get('a')?.changedAtMs).toBeUndefined()
    table.apply([changed(viewOf('a', { state: 'Pending', detail: 'Queued', reason: 'no node' }))], 2)
    expect(table.get('a')?.changedAtMs).toBeUndefined()
    table.apply([changed(viewOf('a', { state: 'Pending', detail: 'BackingOff' }))], 3)
    expect(table.get('a')?.changedAtMs).toBe(3)
  })

  test('why tasks wait is counted while they are queued', () => {
    const table = new TaskTable()
    const queued = (id: string, reason: string) => changed(viewOf(id, { state: 'Pending', detail: 'Queued', reason }))
    table.apply([queued('a', 'no node fits'), queued('b', 'no node fits'), queued('c', 'no node is ready')], 0)
    expect(table.waiting.top(1)).toEqual([['no node fits', 2]])
    table.apply([changed(viewOf('a')), changed(viewOf('b'))], 0)
    expect(table.waiting.top(9)).toEqual([['no node is ready', 1]])
  })

  test('a node is found by once the task is on it', () => {
    const table = new TaskTable()
    table.narrow(query({ search: 'north' }))
    table.apply([changed(viewOf('a', { node: null }))], 0)
    expect(table.shown.count).toBe(0)
    table.apply([changed(viewOf('a', { node: 'north-1' }))], 0)
    expect(shownIds(table)).toEqual(['a'])
  })
})

test('the oldest that ended are let go of, a few at once, and what is live never', () => {
  const table = new TaskTable({ endedMax: 10, endedSlack: 5 })
  const ended = (index: number) =>
    changed(viewOf(`e${index}`, { state: 'Completed', outcome: 'succeeded', createdAtMs: index }))
  table.apply([changed(viewOf('live', { createdAtMs: 0 }))], 0)
  for (let index = 1; index <= 15; index += 1) table.apply([ended(index)], 0)
  expect(table.count).toBe(16)
  table.apply([ended(16)], 0)
  expect(shownIds(table)).toEqual([...Array.from({ length: 10 }, (_, back) => `e${16 - back}`), 'live'])
  expect(table.states.of('Completed')).toBe(10)
})

describe('100,000 tasks', () => {
  const count = 100_000
  const all = Array.from({ length: count }, (_, index) =>
    viewOf(`t${String((index * 7_919) % count).padStart(6, '0')}`, {
      createdAtMs: (index * 7_919) % count,
      state: taskStates[index % 5] as TaskState,
      labels: { team: `team-${index % 7}` },
    }),
  )

  test('cost little to take in, and a change to one of them as good as nothing', () => {
    const table = new TaskTable()
    // In any order, in frames of 4,000; sorting alone of all would take about 17 comparisons for each.
    for (let from = 0; from < count; from += 4_000) table.apply(all.slice(from, from + 4_000).map(changed), 0)
    expect(table.count).toBe(count)
    expect(table.operations).toBeLessThan(count * 120)

    // 200 transitions in frames of three, and a new task in each.
    const before = table.operations
    for (let frame = 0; frame < 66; frame += 1) {
      const moved = all.slice(frame * 3, frame * 3 + 3).map((task) => changed({ ...task, detail: `${frame}` }))
      table.apply([...moved, changed(viewOf(`new-${frame}`, { createdAtMs: count + frame }))], 0)
    }
    expect(table.operations - before).toBeLessThan(66 * 40)
    expect(table.shown.at(0)?.id).toBe('new-65')
  })

  test('a query looks at each once, and what it lets through is kept by change', () => {
    const table = new TaskTable()
    table.apply(all.map(changed), 0)
    const before = table.operations
    table.narrow(query({ states: ['Running'], labels: ['team=team-3'] }))
    expect(table.operations - before).toBe(count)
    const { count: shown } = table.shown
    expect(shown).toBeGreaterThan(2_000)
    // Leaving the list goes through what is shown, once a frame however many leave; not through all.
    const [one, two] = table.shown.slice(0, 2)
    const narrowed = table.operations
    table.apply(
      [one, two].map((row) => changed({ ...(row?.task as TaskView), state: 'Failed' })),
      0,
    )
    expect(table.operations - narrowed).toBeLessThan(shown + 10)
    expect(table.shown.count).toBe(shown - 2)
  })
})
