/** What a worker shows of its machines to a manager that asks, and that it makes nothing of it otherwise. */
import { expect, test } from 'vitest'
import type { WorkerMessages } from '../../actors/protocol/session.ts'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import { workerMachine } from '../../actors/worker.ts'
import type { ActorHost, HostedActor } from '../../runtime/host/actor.ts'
import type { Journal } from '../../runtime/host/journal.ts'
import { Turn } from '../../runtime/host/turn.ts'
import { Inspection } from '../../runtime/worker/inspection.ts'
import { key, Stage, settle, until } from './worker-fixture.ts'

type Inspected = WorkerMessages['Inspected']

const stepsIn = (heard: readonly Inspected[]) => heard.flatMap(({ steps = [] }) => steps)

test('it shows how things stand, then each step, of what it was asked for last, and ends when it is told to', async () => {
  const stage = await Stage.open()
  const life = stage.begin()
  await stage.connected(life)
  const { nodeId } = life.worker
  const { manager, clock } = stage
  const shown = () => manager.of('Inspected')
  manager.want(key('a'))
  await until('it runs', () => manager.status(key('a'))?.startedAtMs !== undefined, clock)
  expect(shown()).toEqual([])
  manager.send({ type: 'Inspect', seq: 1, hosts: true, taskIds: [] })
  await until('it answers', () => shown().length > 0, clock)
  expect(shown()[0]).toMatchObject({ seq: 1, actors: [{ id: `worker:${nodeId}` }, { id: `session:${nodeId}` }] })
  manager.send({ type: 'Inspect', seq: 2, hosts: false, taskIds: ['a', 'b'] })
  await until('it answers', () => shown().some(({ seq }) => seq === 2), clock)
  expect(shown().at(-1)?.actors).toMatchObject([{ id: 'attempt:a/1', value: 'Running', parent: 'task:a', nodeId }])
  manager.want(key('b'), { spec: { driver: 'process', command: ['true'], env: { SECRET: 'hidden' } } })
  stage.world.exit(key('a'), 3)
  await until('both were told', () => new Set(stepsIn(shown()).map(({ to }) => to)).size >= 3, clock)
  const steps = stepsIn(shown())
  expect(steps.filter(({ id }) => id === 'attempt:b/1').map(({ from, to }) => [from, to])).toEqual([
    ['', 'Starting'],
    ['Starting', 'Running'],
  ])
  expect(steps.find(({ to }) => to === 'Ended')).toMatchObject({
    event: { type: 'Exited', exitCode: 3 },
    from: 'Running',
  })
  expect(JSON.stringify(shown())).not.toContain('hidden')
  manager.send({ type: 'Inspect', seq: 3, hosts: false, taskIds: [] })
  await settle()
  const before = shown().length
  stage.world.exit(key('b'), 0)
  await until('its end is told', () => manager.status(key('b'))?.end !== undefined, clock)
  await settle()
  expect(shown()).toHaveLength(before)
  await life.worker.stop()
})

test('a new session shows nothing until it is asked again', async () => {
  const stage = await Stage.open()
  const life = stage.begin()
  await stage.connected(life)
  const { manager, clock } = stage
  manager.send({ type: 'Inspect', seq: 1, hosts: true, taskIds: [] })
  await until('it answers', () => manager.of('Inspected').length > 0, clock)
  stage.transport.cut('life-1')
  await until('it is back', () => manager.sessions === 2 && manager.of('WorkerHello').length === 2, clock)
  await settle()
  expect(manager.of('Inspected')).toHaveLength(1)
  manager.send({ type: 'Inspect', seq: 1, hosts: true, taskIds: [] })
  await until('it answers', () => manager.of('Inspected').length > 1, clock)
  expect(
    manager
      .of('Inspected')
      .at(-1)
      ?.actors?.map(({ value }) => value),
  ).toEqual(['Serving', 'Established'])
  await life.worker.stop()
})

test('while the manager does not keep up, it holds what is bounded, and counts what it leaves out', async () => {
  const { snapshot } = initialStep(workerMachine, undefined)
  const actor = { address: 'worker', kind: 'worker', snapshot, revision: 0, sinceMs: 1 } as unknown as HostedActor
  const host = { actors: new Map([['worker', actor]]), observer: undefined } as unknown as ActorHost
  const sent: Inspected[] = []
  let keepsUp = true
  const send = (message: Inspected) => {
    sent.push(message)
    return keepsUp
  }
  const journal = { afterAll: (action: () => void) => action() } as unknown as Journal
  const inspection = new Inspection({ host, journal, nodeId: 'n1', send })
  inspection.take({ type: 'Inspect', seq: 9, hosts: true, taskIds: [] })
  await settle()
  expect(sent).toMatchObject([{ seq: 9, actors: [{ id: 'worker:n1', value: 'Idle' }] }])
  const stepOnce = (type: string) => {
    const before = actor.snapshot
    actor.snapshot = step(workerMachine, before, { type, atMs: 2, roll: 0 }).snapshot
    const turn = new Turn(2, () => 1)
    const [from, to] = [pathOf(before.value), pathOf(actor.snapshot.value)]
    host.observer?.stepped({ actor, before, event: { type }, from, to }, turn)
    for (const action of turn.actions) action()
  }
  keepsUp = false
  stepOnce('Start')
  await settle()
  expect(sent).toHaveLength(2)
  for (let at = 0; at < 2_000; at += 1) stepOnce('Nothing')
  stepOnce('Loaded')
  await settle()
  expect(sent).toHaveLength(2)
  keepsUp = true
  inspection.drained()
  await settle()
  expect(sent).toMatchObject([{}, {}, { seq: 9, steps: [{ event: { type: 'Loaded' }, to: 'Serving' }], missed: 2_000 }])
  inspection.close()
  expect(host.observer).toBeUndefined()
})
