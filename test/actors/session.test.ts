/** What a session asks for, and how long it waits before it dials again. Where it goes is in exhaustive.test.ts. */
import { describe, expect, test } from 'vitest'
import type { Effect } from '../../actors/effects.ts'
import { type SessionContext, sessionLimits, sessionMachine } from '../../actors/session.ts'
import { initialStep, step } from '../../actors/step.ts'
import { type Stamped, stamped } from './machine-subjects.ts'

const open = stamped({ type: 'Open' })
const connected = stamped({ type: 'Connected' })
const welcomed = stamped({ type: 'Welcomed', sessionId: 's1', epoch: 3, heartbeatMs: 1_000, leaseMs: 5_000 })
const closed = stamped({ type: 'Closed', reason: 'going away' })
const dialFailed = stamped({ type: 'DialFailed', reason: 'connection refused' })
const elapsed = stamped({ type: 'BackOffElapsed' })
const refused = (retryable: boolean) => stamped({ type: 'Refused', reason: 'wrong token', retryable })

function walk(...events: Stamped[]) {
  let { snapshot, effects } = initialStep(sessionMachine, undefined)
  for (const event of events) ({ snapshot, effects } = step(sessionMachine, snapshot, event))
  return { effects, context: snapshot.context as SessionContext }
}

const backOff = (delayMs: number): Effect => ({
  type: 'schedule',
  id: 'backOff',
  event: { type: 'BackOffElapsed' },
  delayMs,
})
const greeting: Effect = {
  type: 'schedule',
  id: 'greeting',
  event: { type: 'GreetingExpired' },
  delayMs: sessionLimits.greetingMsMax,
}
const noGreeting: Effect = { type: 'cancel', id: 'greeting' }
const noBackOff: Effect = { type: 'cancel', id: 'backOff' }

test.each<[string, Stamped[], Effect[]]>([
  ['it is new', [], []],
  ['it opens', [open], [{ type: 'dial' }]],
  ['it is connected', [open, connected], [{ type: 'greet' }, greeting]],
  ['it is welcomed', [open, connected, welcomed], [noGreeting]],
  ['nobody was there', [open, dialFailed], [backOff(50)]],
  ['it breaks', [open, connected, welcomed, closed], [backOff(50)]],
  ['it breaks at the greeting', [open, connected, closed], [noGreeting, backOff(50)]],
  ['it is refused for now', [open, connected, refused(true)], [noGreeting, backOff(50)]],
  ['it is refused for good', [open, connected, refused(false)], [noGreeting]],
  [
    'its Hello is not answered',
    [open, connected, stamped({ type: 'GreetingExpired' })],
    [noGreeting, { type: 'hangUp' }, backOff(50)],
  ],
  ['it has waited', [open, dialFailed, elapsed], [noBackOff, { type: 'dial' }]],
  ['it is closed', [open, connected, welcomed, stamped({ type: 'Close' })], [{ type: 'hangUp' }]],
  ['it is closed while it waits', [open, dialFailed, stamped({ type: 'Close' })], [noBackOff, { type: 'hangUp' }]],
])('what it asks for when %s', (_, events, effects) => {
  expect(walk(...events).effects).toEqual(effects)
})

describe('the wait before it dials again', () => {
  const fails = (count: number) => [open, ...Array.from({ length: count }, () => [dialFailed, elapsed]).flat()]
  const delay = (count: number, roll: number) =>
    walk(...fails(count), { ...dialFailed, roll }).effects.map((effect) => 'delayMs' in effect && effect.delayMs)

  test('has a bound that doubles up to its cap, and full jitter below it', () => {
    expect([0, 1, 2, 5, 6, 40].map((count) => delay(count, 0.5)[0])).toEqual([50, 100, 200, 1_600, 2_500, 2_500])
    expect([0, 0.25, 0.999].map((roll) => delay(40, roll)[0])).toEqual([0, 1_250, 4_995])
  })

  test('begins anew once it was established', () => {
    const events = [...fails(5), connected, welcomed, closed]
    expect(walk(...events).effects).toEqual([backOff(50)])
    expect(walk(...events.slice(0, -1)).context).toMatchObject({ failures: 0, sessionId: 's1', reason: undefined })
  })
})

test('it knows why it is not established', () => {
  expect(walk(open, dialFailed).context.reason).toBe('connection refused')
  expect(walk(open, connected, stamped({ type: 'GreetingExpired' })).context.reason).toBe('no answer to its Hello')
  expect(walk(open, connected, refused(false)).context.reason).toBe('wrong token')
  expect(walk(open, connected, welcomed, closed).context).toMatchObject({ reason: 'going away', sessionId: undefined })
})
