/** What a task keeps and asks for on its way: timers, attempts, reasons. Where it goes is in exhaustive.test.ts. */
import { describe, expect, test } from 'vitest'
import type { AnyMachineSnapshot } from 'xstate'
import type { Effect } from '../../actors/effects.ts'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import { type TaskContext, taskLimits, taskMachine } from '../../actors/task.ts'
import { placed, type Stamped, stamp, stamped, started, taskInput } from './machine-subjects.ts'

type Spec = Parameters<typeof taskInput>[0]

function walk(spec: Spec, ...events: Stamped[]) {
  let { snapshot, effects } = initialStep(taskMachine, taskInput(spec))
  for (const event of events) ({ snapshot, effects } = step(taskMachine, snapshot, event))
  return { snapshot, effects, path: pathOf(snapshot.value), context: snapshot.context as TaskContext }
}

const exited = (exitCode: number): Stamped => stamped({ type: 'Exited', exitCode })
const unreachable = stamped({ type: 'NodeUnreachable' })
const schedule = (id: string, type: string, delayMs: number): Effect => ({
  type: 'schedule',
  id,
  event: { type },
  delayMs,
})
const cancel = (id: string): Effect => ({ type: 'cancel', id })

describe('the limit on waiting for a node', () => {
  const spec = { waitTimeoutMs: 30_000, restart: { policy: 'always' } } as const
  const wait = schedule('placement', 'PlacementExpired', 30_000)

  test('runs from submission, and ends with the placement', () => {
    expect(walk(spec).effects).toEqual([wait])
    expect(walk(spec, placed).effects).toEqual([cancel('placement')])
    expect(walk({}).effects).toEqual([])
  })

  test('is not begun again by a decision that found no node', () => {
    expect(walk(spec, stamped({ type: 'Unplaceable', why: 'none' })).effects).toEqual([])
  })

  test('does not run while the task backs off, for then it waits for no node', () => {
    const backingOff = walk(spec, placed, started, exited(1))
    expect(backingOff.path).toBe('Pending.BackingOff')
    expect(backingOff.effects).not.toContainEqual(wait)
    const queued = step(taskMachine, backingOff.snapshot, stamped({ type: 'BackOffElapsed' }))
    expect(queued.effects).toContainEqual(wait)
  })

  test('begins anew when a lost task is to be replaced', () => {
    const replaced = walk(spec, placed, started, stamped({ type: 'Lost' }))
    expect([replaced.path, replaced.effects]).toEqual(['Pending.Queued', [cancel('timeout'), wait]])
  })

  test('says what the wait was for', () => {
    const why = stamped({ type: 'Unplaceable', why: '2 nodes lack 512 MiB' })
    const { context } = walk(spec, why, stamped({ type: 'PlacementExpired' }))
    expect(context).toMatchObject({
      outcome: 'unplaceable',
      reason: 'no node was found within 30000 ms: 2 nodes lack 512 MiB',
      finishedAtMs: stamp.atMs,
    })
  })
})

describe('the limit on running', () => {
  const spec = { timeoutMs: 60_000 }

  test('runs from the start, not from the placement, and ends with the attempt', () => {
    expect(walk(spec).effects).toEqual([])
    expect(walk(spec, placed).effects).toEqual([cancel('placement')])
    expect(walk(spec, placed, started).effects).toEqual([schedule('timeout', 'TimedOut', 60_000)])
    expect(walk(spec, placed, started, exited(0)).effects).toEqual([cancel('timeout')])
  })

  test('goes on while the node is out of reach', () => {
    expect(walk(spec, placed, started, unreachable).effects).toEqual([schedule('lost', 'Lost', 300_000)])
  })

  test('is told with its length', () => {
    const { context } = walk(spec, placed, started, stamped({ type: 'TimedOut' }), exited(137))
    expect(context).toMatchObject({ outcome: 'timeout', reason: 'stopped after running for 60000 ms' })
    expect(context.end).toEqual({ kind: 'exited', exitCode: 137 })
  })
})

describe('a node out of reach', () => {
  const spec = { disconnect: { lostAfterMs: 90_000 } }
  const wait = schedule('lost', 'Lost', 90_000)

  test('is waited for, and no longer once it is back or the attempt has ended', () => {
    expect(walk(spec, placed, unreachable).effects).toEqual([wait])
    expect(walk(spec, placed, unreachable, stamped({ type: 'NodeReturned' })).effects).toEqual([cancel('lost')])
    expect(walk(spec, placed, unreachable, started).effects).toEqual([cancel('lost')])
    expect(walk(spec, placed, started, unreachable, exited(0)).effects).toContainEqual(cancel('lost'))
  })

  test.each([[[placed]], [[placed, started]]])('is waited for anew after a crash of the manager', (before) => {
    const recovered = walk(spec, ...before, unreachable, stamped({ type: 'Recovered' }))
    expect(recovered.effects).toEqual([cancel('lost')])
    const again = step(taskMachine, recovered.snapshot, unreachable)
    expect([again.changed, again.effects]).toEqual([true, [cancel('lost'), wait]])
  })

  test('a stop while it is out of reach is kept for its return', () => {
    const { path, context } = walk({}, placed, started, unreachable, stamped({ type: 'Stop' }))
    expect([path, context.stopCause]).toEqual(['Running.Unreachable', 'Stop'])
  })
})

describe('backing off', () => {
  test('draws its delay from the roll, below a bound that doubles', () => {
    const spec = { restart: { policy: 'on-failure', backOffMs: 1_000, sameNode: 3 } } as const
    const again = [stamped({ type: 'BackOffElapsed' }), placed, exited(1)]
    expect(walk(spec, placed, exited(1)).effects).toEqual([schedule('backOff', 'BackOffElapsed', 500)])
    expect(walk(spec, placed, exited(1), ...again).effects).toEqual([schedule('backOff', 'BackOffElapsed', 1_000)])
    expect(walk(spec, placed, exited(1), ...again, ...again).effects).toEqual([
      schedule('backOff', 'BackOffElapsed', 2_000),
    ])
  })

  test('gives its turn in the queue from when it began to wait again', () => {
    const later = { ...stamped({ type: 'BackOffElapsed' }), atMs: stamp.atMs + 777 }
    const { context } = walk({ restart: { policy: 'always' } }, placed, exited(1), later)
    expect(context.queuedAtMs).toBe(stamp.atMs + 777)
  })
})

describe('a stop', () => {
  const grace = (...events: Stamped[]) => {
    const { stopCause, graceMs } = walk({ stopGraceMs: 5_000 }, placed, started, ...events).context
    return [stopCause, graceMs]
  }
  const stop = (graceMs?: number) => stamped({ type: 'Stop', ...(graceMs === undefined ? {} : { graceMs }) })

  test('uses its own grace or the task’s, and a second one only ever shortens it', () => {
    expect(grace(stop())).toEqual(['Stop', 5_000])
    expect(grace(stop(9_000))).toEqual(['Stop', 9_000])
    expect(grace(stop(), stop(100))).toEqual(['Stop', 100])
    expect(grace(stop(100), stop())).toEqual(['Stop', 100])
    expect(grace(stop(100), stop(9_000))).toEqual(['Stop', 100])
  })

  test('by a person outweighs one by a limit, and not the other way round', () => {
    expect(grace(stamped({ type: 'TimedOut' }), stop())).toEqual(['Stop', 5_000])
    expect(grace(stop(), stamped({ type: 'TimedOut' }))).toEqual(['Stop', 5_000])
    expect(grace(stamped({ type: 'Unhealthy' }), stamped({ type: 'TimedOut' }))).toEqual(['Unhealthy', 5_000])
  })

  test('belongs to one attempt: the next has neither its cause nor its grace', () => {
    const spec = { restart: { policy: 'always' }, stopGraceMs: 5_000 } as const
    const again = [stamped({ type: 'TimedOut' }), exited(1), stamped({ type: 'BackOffElapsed' }), placed]
    const { context } = walk(spec, placed, started, ...again)
    expect(context).toMatchObject({ attempt: 2, stopCause: undefined, graceMs: 5_000, end: undefined })
  })

  test('before and between attempts is told apart', () => {
    expect(walk({}, stop()).context).toMatchObject({ outcome: 'stopped', reason: 'stopped before it was placed' })
    const between = walk({ restart: { policy: 'always' } }, placed, exited(1), stop())
    expect(between.context).toMatchObject({ outcome: 'stopped', reason: 'stopped before it was tried again' })
  })
})

describe('attempts', () => {
  const spec = { restart: { policy: 'always' } } as const
  const round = [placed, started, exited(1), stamped({ type: 'BackOffElapsed' })]
  const rounds = (count: number): Stamped[] => Array.from({ length: count }, () => round).flat()

  test('are numbered from 1 and kept with their ends', () => {
    const { context } = walk(spec, ...rounds(2))
    expect(context.attempt).toBe(2)
    expect(context.attempts).toEqual(
      [1, 2].map((attempt) => ({
        attempt,
        nodeId: 'n1',
        scheduledAtMs: stamp.atMs,
        startedAtMs: stamp.atMs - 5,
        endedAtMs: stamp.atMs,
        exitCode: 1,
        reason: 'exited with code 1',
      })),
    )
  })

  test('are kept up to their limit, the oldest going first', () => {
    const { context } = walk(spec, ...rounds(taskLimits.attemptsKeptMax + 3))
    expect(context.attempts).toHaveLength(taskLimits.attemptsKeptMax)
    expect(context.attempts[0]?.attempt).toBe(4)
  })

  test('a new one begins without what belonged to the one before', () => {
    const { context } = walk(spec, ...rounds(1), placed)
    expect(context).toMatchObject({ attempt: 2, restarts: 1, startedAtMs: undefined, end: undefined })
  })
})

test('a loss that its worker reports is told in its words, and one that was waited for in ours', () => {
  const reason = (event: Stamped) => walk({}, placed, started, event).context.reason
  expect(reason(stamped({ type: 'Lost', message: 'its process is gone' }))).toBe('its process is gone')
  expect(reason(stamped({ type: 'Lost' }))).toBe('its node was unreachable for too long')
})

test('a long command is cut for people', () => {
  const { command } = walk({ command: ['sh', '-c', 'x'.repeat(2_000), 'never seen'] }).context
  expect(command).toEqual(['sh', '-c', `${'x'.repeat(40)}…`])
  expect(JSON.stringify(command).length).toBeLessThan(taskLimits.commandCharsMax + 100)
})

test('final tasks have no timers left to ask for', () => {
  const finals: AnyMachineSnapshot[] = [walk({}, placed, exited(0)), walk({}, placed, exited(1))].map((w) => w.snapshot)
  for (const snapshot of finals) expect(snapshot.status).toBe('done')
})
