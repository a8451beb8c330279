/** What of a node is kept, and how it stands. Where it goes is in exhaustive.test.ts. */
import { expect, test } from 'vitest'
import { type NodeContext, nodeMachine, nodeStanding } from '../../actors/node.ts'
import { initialStep, step } from '../../actors/step.ts'
import { nodeSubject, registration, stamped } from './machine-subjects.ts'
import { places } from './machine-walk.ts'

const versionOf = (context: unknown) => (context as NodeContext).version

test('its version grows with what must be stored, and with nothing else', () => {
  const stored = new Set(['Registered', 'Drain', 'DrainExpired', 'Undrain'])
  for (const { snapshot } of places(nodeSubject, { registration })) {
    for (const event of nodeSubject.events) {
      const next = step(nodeMachine, snapshot, event)
      const grew = versionOf(next.snapshot.context) - versionOf(snapshot.context)
      expect(grew).toBe(next.changed && stored.has(event.type) ? 1 : 0)
    }
  }
})

test('a registration replaces the one before, and drivers come and go within it', () => {
  const { snapshot } = initialStep(nodeMachine, { registration })
  const moved = { ...registration, name: 'moved', labels: {} }
  const registered = step(nodeMachine, snapshot, stamped({ type: 'Registered', registration: moved })).snapshot
  const gone = step(nodeMachine, registered, stamped({ type: 'DriversChanged', drivers: { docker: 'unavailable' } }))
  expect((gone.snapshot.context as NodeContext).registration).toEqual({ ...moved, drivers: { docker: 'unavailable' } })
})

test('a drain outlives the death and the return of its worker', () => {
  let { snapshot } = initialStep(nodeMachine, { registration })
  const standings = ['Drain', 'LeaseExpired', 'Registered', 'Recovered', 'Undrain'].map((type) => {
    snapshot = step(nodeMachine, snapshot, stamped({ type, registration })).snapshot
    const { state, draining } = nodeStanding(snapshot.value)
    return `${state} ${draining}`
  })
  expect(standings).toEqual(['Unknown true', 'Down true', 'Ready true', 'Unknown true', 'Unknown false'])
})

test('the deadline of a drain runs from the newest wish that names one, and ends with the drain', () => {
  const { snapshot } = initialStep(nodeMachine, { registration })
  const limited = step(nodeMachine, snapshot, stamped({ type: 'Drain', deadlineMs: 60_000 }))
  const timer = (delayMs: number) => ({ type: 'schedule', id: 'drain', event: { type: 'DrainExpired' }, delayMs })
  expect(limited.effects).toEqual([timer(60_000)])
  expect(step(nodeMachine, limited.snapshot, stamped({ type: 'Drain' })).changed).toBe(false)
  const sooner = step(nodeMachine, limited.snapshot, stamped({ type: 'Drain', deadlineMs: 5 }))
  expect(sooner.effects).toEqual([{ type: 'cancel', id: 'drain' }, timer(5)])
  const over = step(nodeMachine, limited.snapshot, stamped({ type: 'DrainExpired' }))
  expect((over.snapshot.context as NodeContext).drainIsOver).toBe(true)
  const open = step(nodeMachine, over.snapshot, stamped({ type: 'Undrain' }))
  expect(open.effects).toEqual([{ type: 'cancel', id: 'drain' }])
  expect((open.snapshot.context as NodeContext).drainIsOver).toBe(false)
})
