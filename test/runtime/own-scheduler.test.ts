/** An application's own scheduler decides, and its mistakes stop nothing. */
import { afterEach, expect, test } from 'vitest'
import { type OpenedTroupe, openManager, openTroupe, type Scheduler } from '../../runtime/index.ts'
import { chosenScheduler } from '../../runtime/manager/own-scheduler.ts'
import { ScriptDriver } from './script-driver.ts'

const spec = { driver: 'process' as const, command: ['work'] }
let troupe: OpenedTroupe
const told: string[] = []

afterEach(async () => {
  await troupe.close()
  told.length = 0
})

/** What the one node cost, and how often it was picked before. */
async function placedBy<S>(scheduler: Scheduler<S>): Promise<{ scheduler: string; cost: number | undefined }> {
  const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => told.push(message) }
  troupe = await openTroupe({ storage: 'memory', drivers: [new ScriptDriver()], scheduler, logger })
  let cost: number | undefined
  let name = ''
  for (let at = 0; at < 2; at += 1) {
    const task = await troupe.run(spec)
    await expect
      .poll(async () => (await troupe.get(task.id)).getSnapshot().context.state, { timeout: 20_000 })
      .toBe('Running')
    const { decision } = await task.explain()
    cost = decision?.scores[0]?.cost
    name = decision?.scheduler ?? ''
  }
  return { scheduler: name, cost }
}

test('it is asked, and gets back what it remembers', async () => {
  const counting: Scheduler<number> = {
    name: 'counting',
    initial: 5,
    score: (_ask, _node, n) => n,
    picked: (_node, n) => n + 1,
  }
  expect(await placedBy(counting)).toEqual({ scheduler: 'counting', cost: 6 })
  expect(told).toEqual([])
})

test.each<[string, Scheduler<null>]>([
  ['threw in score: oops', { name: 'bad', initial: null, score: () => fail('oops'), picked: () => null }],
  [
    'gave a cost that is no finite number, NaN',
    { name: 'bad', initial: null, score: () => Number.NaN, picked: () => null },
  ],
  ['threw in picked: no', { name: 'bad', initial: null, score: () => 1, picked: () => fail('no') }],
])('one that %s costs nobody a placement, and is told of once', async (fault, scheduler) => {
  expect((await placedBy(scheduler)).scheduler).toBe('bad')
  expect(told).toEqual([expect.stringContaining(`the scheduler bad ${fault}`)])
})

test.each(['round-robin', 'epvm', 'binpack', 'spread'] as const)('%s is taken by its name', async (scheduler) => {
  troupe = await openTroupe({ storage: 'memory', drivers: [new ScriptDriver()], scheduler })
  const task = await troupe.run(spec)
  await expect
    .poll(async () => (await troupe.get(task.id)).getSnapshot().context.state, { timeout: 20_000 })
    .toBe('Running')
  expect((await task.explain()).decision).toMatchObject({ scheduler, scores: [{ cost: expect.any(Number) }] })
})

test('where the next sample begins is passed on, and what it says wrongly is told and taken for the beginning', () => {
  const logger = { debug() {}, info() {}, warn() {}, error: (message: string) => told.push(message) }
  const plain: Scheduler<string> = { name: 'own', initial: 'n1', score: () => 1, picked: ({ nodeId }) => nodeId }
  expect(chosenScheduler(plain, logger)).not.toHaveProperty('after')
  const afterOf = (after: Scheduler<string>['after'] & {}) =>
    (chosenScheduler({ ...plain, after }, logger) as Scheduler).after?.('n1')
  expect(afterOf((state) => state)).toBe('n1')
  expect(afterOf(() => null)).toBeNull()
  expect(told).toEqual([])
  expect(afterOf(() => fail('oops'))).toBeNull()
  expect(afterOf(() => 7 as never)).toBeNull()
  expect(told).toEqual([
    expect.stringContaining('own threw in after: oops'),
    expect.stringContaining('own gave what is neither a nodeId nor null in after, 7'),
  ])
})

test('an unknown name is refused with those that there are, before anything is opened', async () => {
  troupe = await openTroupe({ storage: 'memory', drivers: [] })
  const text = 'there is no scheduler "magic"; there are round-robin, epvm, binpack and spread, or give one of your own'
  const scheduler = 'magic' as 'epvm'
  await expect(openTroupe({ storage: 'memory', drivers: [], scheduler })).rejects.toMatchObject({
    code: 'Invalid',
    message: text,
  })
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const rest = { listen: '127.0.0.1:0', dataDir: '/proc/never-made', storage: 'memory', logger } as const
  await expect(openManager({ ...rest, scheduler })).rejects.toMatchObject({ code: 'Invalid', message: text })
})

function fail(message: string): never {
  throw new Error(message)
}
