import { describe, expect, test } from 'vitest'
import type { NodeView, TaskView } from '../../actors/model.ts'
import type { ActorStep, ActorView } from '../../actors/protocol/inspection.ts'
import { readActorId, standingOf } from '../../inspector/page/actors/actor-names.ts'
import { ActorTable, actorTableLimits } from '../../inspector/page/actors/actor-table.ts'
import {
  bucketTasks,
  firstExpanded,
  groupIdOf,
  moveOf,
  type TreeInput,
  treeLimits,
  treeRows,
  waitingId,
} from '../../inspector/page/actors/tree-model.ts'
import { viewOf } from './task-view.ts'

const node = (name: string): NodeView => ({
  ...{ id: `node-${name}`, name, state: 'Ready', draining: false, tasks: 0, labels: {}, drivers: {} },
  ...{ offered: { cpus: 1, memoryBytes: 1 }, reserved: { cpus: 0, memoryBytes: 0 } },
})
const actor = (id: string, value: string, more: Partial<ActorView> = {}): ActorView => ({
  ...{ id, machine: id.split(':')[0] as ActorView['machine'], value, status: 'active', context: {} },
  ...more,
})
const none = { count: 0, tasks: [] }
const input = (more: Partial<TreeInput> = {}): TreeInput => ({
  ...{ actors: [], nodes: [], tasks: new Map(), waiting: none, expanded: new Set(['manager']), ...more },
})
const drawn = (given: TreeInput) =>
  treeRows(given).map(
    ({ level, label, state }) => `${'  '.repeat(level - 1)}${label}${state === '' ? '' : ` (${state})`}`,
  )

describe('the tree', () => {
  const tasks = [viewOf('t1', { attempt: 7, nodeId: 'node-b' }), viewOf('t2', { nodeId: 'node-b' })]
  const given = input({
    actors: [
      actor('manager', 'Serving'),
      actor('node:node-b', 'Liveness.Ready+Admission.Draining'),
      actor('worker:node-b', 'Serving'),
    ],
    nodes: [node('n10'), node('b'), node('n9')],
    tasks: new Map([['node-b', { count: 2, tasks }]]),
    waiting: { count: 1, tasks: [viewOf('t3', { state: 'Pending', detail: 'Queued', attempt: 0, node: null })] },
  })

  test('has what is folded up as one line with its count', () => {
    expect(drawn({ ...given, expanded: new Set() })).toEqual(['manager (Serving)'])
    expect(drawn(given)).toEqual([
      'manager (Serving)',
      '  b (Ready)',
      '  n9 (not in view)',
      '  n10 (not in view)',
      '  1 task without a node',
    ])
  })

  test('unfolds manager, node, tasks and attempts, and cuts what is long', () => {
    const expanded = new Set(['manager', 'node:node-b', groupIdOf('node-b'), 'task:t1', waitingId])
    expect(drawn({ ...given, expanded })).toEqual([
      'manager (Serving)',
      '  b (Ready)',
      '    worker (Serving)',
      '    session (not in view)',
      '    2 tasks',
      '      t1 (Running)',
      '        attempt 7 (open)',
      ...[6, 5, 4, 3].map((attempt) => `        attempt ${attempt} (over)`),
      '        and 2 earlier attempts',
      '      t2 (Running)',
      '  n9 (not in view)',
      '  n10 (not in view)',
      '  1 task without a node',
      '    t3 (Pending)',
    ])
  })

  test('says of each line where it stands among its siblings, and where it opens', () => {
    const rows = treeRows({ ...given, expanded: new Set(['manager', 'node:node-b']) })
    const worker = rows.find(({ id }) => id === 'worker:node-b')
    expect(worker).toMatchObject({ level: 3, place: 1, siblings: 3, parent: 'node:node-b', isExpandable: false })
    expect(worker?.href).toBe('#/actors/worker%3Anode-b')
    expect(rows.find(({ id }) => id === groupIdOf('node-b'))?.href).toBe('#/tasks?state=Scheduled&state=Running&node=b')
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length)
  })

  test('a thousand tasks are fifty lines and a link to the rest', () => {
    const many = Array.from({ length: 1_253 }, (_, index) => viewOf(`t${index}`, { nodeId: 'node-b' }))
    const { byNode } = bucketTasks(many, new Set(['node-b']))
    const expanded = new Set(['manager', 'node:node-b', groupIdOf('node-b')])
    const lines = drawn(input({ nodes: [node('b')], tasks: byNode, expanded }))
    expect(lines).toHaveLength(5 + treeLimits.tasksMax + 1)
    expect(lines.at(-1)).toBe('      and 1,203 more tasks')
  })

  test('begins with what fits: of one node all that belongs to it', () => {
    expect([...firstExpanded([node('a')])]).toEqual(['manager', 'node:node-a'])
    expect([...firstExpanded([node('a'), node('b')])]).toEqual(['manager'])
  })
})

test('tasks are put with the nodes they are on; those that ended are on none', () => {
  const all: TaskView[] = [
    viewOf('a', { nodeId: 'n1' }),
    viewOf('b', { nodeId: 'n1', state: 'Scheduled' }),
    viewOf('c', { nodeId: 'n1', state: 'Pending' }),
    viewOf('d', { nodeId: 'n1', state: 'Failed', outcome: 'exit' }),
    viewOf('e', { nodeId: 'n2' }),
  ]
  const { byNode, waiting } = bucketTasks(all, new Set(['n1']))
  expect(byNode.get('n1')).toMatchObject({ count: 2, tasks: [{ id: 'a' }, { id: 'b' }] })
  expect(byNode.get('n2')).toEqual({ count: 1, tasks: [] })
  expect(waiting).toEqual({ count: 1, tasks: [] })
})

describe('keys go through it as through every tree', () => {
  const rows = treeRows(input({ nodes: [node('a'), node('b')], expanded: new Set(['manager', 'node:node-a']) }))
  const [a, b] = ['node:node-a', 'node:node-b']
  test.each([
    ['ArrowDown', 'manager', { type: 'go', id: a }],
    ['ArrowUp', a, { type: 'go', id: 'manager' }],
    ['ArrowUp', 'manager', undefined],
    ['ArrowDown', b, undefined],
    ['Home', b, { type: 'go', id: 'manager' }],
    ['End', 'manager', { type: 'go', id: b }],
    ['ArrowRight', a, { type: 'go', id: 'worker:node-a' }],
    ['ArrowRight', b, { type: 'unfold', id: b }],
    ['ArrowRight', 'worker:node-a', undefined],
    ['ArrowLeft', a, { type: 'fold', id: a }],
    ['ArrowLeft', b, { type: 'go', id: 'manager' }],
    ['ArrowLeft', 'worker:node-a', { type: 'go', id: a }],
    ['x', a, undefined],
    ['Home', 'gone', undefined],
  ])('%s at %s', (key, active, move) => expect(moveOf(key, rows, active)).toEqual(move))
})

describe('actors as they are inspected', () => {
  const step = (from: string, to: string, atMs: number, more: Partial<ActorStep> = {}): ActorStep => ({
    ...{ id: 'session:n1', machine: 'session', atMs, event: { type: 'Closed' }, from, to, status: 'active', ...more },
  })
  const begin = (isAgain = false) =>
    ({ type: 'Snapshot', actors: [actor('session:n1', 'Established', { context: { epoch: 1 } })], isAgain }) as const

  test('follow their steps; what is missed, and gaps, are counted', () => {
    const table = new ActorTable()
    table.take(begin())
    table.take({ type: 'Steps', steps: [step('Established', 'BackingOff', 5)], missed: 2 })
    expect(table.get('session:n1')).toMatchObject({ value: 'BackingOff', context: { epoch: 1 }, atMs: 5 })
    expect(table).toMatchObject({ missed: 2, gaps: 0 })
    table.take(begin(true))
    expect(table.get('session:n1')?.value).toBe('Established')
    expect(table.stepsOf('session:n1')).toHaveLength(1)
    expect(table.firstOf('session:n1')?.value).toBe('Established')
    expect(table).toMatchObject({ missed: 2, gaps: 1 })
  })

  test('go when they are gone, and their last steps stay, the newest of very many', () => {
    const table = new ActorTable()
    table.take(begin())
    const before = table.stepsOf('session:n1')
    const steps = Array.from({ length: actorTableLimits.stepsMax + 10 }, (_, at) => step('a', 'b', at))
    table.take({ type: 'Steps', steps: [...steps, step('b', '', 9_999, { event: { type: 'Gone' } })], missed: 0 })
    expect(table.get('session:n1')).toBeUndefined()
    expect(table.stepsOf('session:n1')).toHaveLength(actorTableLimits.stepsMax)
    expect(table.stepsOf('session:n1').at(-1)?.event.type).toBe('Gone')
    expect(before).toEqual([])
  })
})

test('ids of actors are taken apart, and what is none is told', () => {
  expect(readActorId('manager')).toEqual({ machine: 'manager' })
  expect(readActorId('session:a:b')).toEqual({ machine: 'session', nodeId: 'a:b' })
  expect(readActorId('task:abc')).toEqual({ machine: 'task', taskId: 'abc' })
  expect(readActorId('attempt:abc/12')).toEqual({ machine: 'attempt', taskId: 'abc', attempt: 12 })
  for (const odd of ['', 'node:', 'attempt:abc', 'attempt:abc/0', 'attempt:A/1', 'thing:x', 'managers']) {
    expect(readActorId(odd)).toBeUndefined()
  }
  expect(standingOf('Liveness.Ready+Admission.Open')).toEqual({ state: 'Ready', detail: '' })
  expect(standingOf('Liveness.Down+Admission.Draining')).toEqual({ state: 'Down', detail: 'Draining' })
  expect(standingOf('Running.Unhealthy')).toEqual({ state: 'Running', detail: 'Unhealthy' })
})
