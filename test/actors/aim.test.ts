/** Where a task goes after an end: its own node within the policy's window, then elsewhere. Decision 6. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { explained, onwardAfter, type RestartWindow } from '../../actors/aim.ts'
import type { PlacementDecision, RestartPolicy } from '../../actors/model.ts'
import { resolveRestart } from '../../actors/restart.ts'
import { roundRobin } from '../../actors/schedulers/round-robin.ts'
import { type CandidateNode, decide } from '../../actors/schedulers/scheduler.ts'
import { askOf } from '../../actors/standing.ts'
import { initialStep, pathOf, persist, restore, step } from '../../actors/step.ts'
import { type TaskContext, taskMachine } from '../../actors/task.ts'
import { decodeRecord, encodeRecord } from '../../runtime/host/record.ts'
import { placed, type Stamped, stamp, stamped, started, taskInput } from './machine-subjects.ts'

const always = (more: Partial<RestartPolicy> = {}) => ({ restart: { policy: 'always' as const, ...more } })
const onFailure = (more: Partial<RestartPolicy> = {}) => ({ restart: { policy: 'on-failure' as const, ...more } })
const exited = (exitCode: number, more: object = {}): Stamped => stamped({ type: 'Exited', exitCode, ...more })
const elapsed = stamped({ type: 'BackOffElapsed' })
const at = (event: Stamped, afterMs: number): Stamped => ({ ...event, atMs: stamp.atMs + afterMs })
const onto = (nodeId: string): Stamped => stamped({ ...placed, nodeId, nodeName: `name-${nodeId}` })
const again = [elapsed, placed, started]

function walk(spec: Parameters<typeof taskInput>[0], ...events: Stamped[]) {
  let { snapshot, effects } = initialStep(taskMachine, taskInput(spec))
  for (const event of events) ({ snapshot, effects } = step(taskMachine, snapshot, event))
  const context = snapshot.context as TaskContext
  const delayMs = effects.flatMap((effect) => (effect.type === 'schedule' ? [effect.delayMs] : []))[0]
  return { snapshot, context, path: pathOf(snapshot.value), aim: context.aim, delayMs }
}

describe('a task that failed', () => {
  test('asks for its node again as often as the window allows, and then for any other', () => {
    const first = walk(onFailure(), placed, started, exited(1))
    expect(first.path).toBe('Pending.BackingOff')
    expect(first.aim).toEqual({
      is: 'prefer',
      nodeId: 'n1',
      because: 'restart 1 of the 2 that stay on one within 30 min',
    })
    const second = walk(onFailure(), placed, started, exited(1), ...again, exited(1))
    expect(second.aim).toMatchObject({ is: 'prefer', because: 'restart 2 of the 2 that stay on one within 30 min' })
    const third = walk(onFailure(), placed, started, exited(1), ...again, exited(1), ...again, exited(1))
    expect(third.aim).toEqual({
      is: 'avoid',
      nodeId: 'n1',
      because: 'the 2 restarts that stay on one within 30 min are used up',
    })
    expect(third.context.restarts).toBe(3)
  })

  test('tells the scheduler, and has forgotten it once it is placed', () => {
    const failed = walk(onFailure(), placed, started, exited(1), elapsed)
    expect(askOf(failed.context)).toMatchObject({ prefer: 'n1' })
    const moved = walk(onFailure({ sameNode: 0 }), placed, started, exited(1), elapsed)
    expect(askOf(moved.context)).toMatchObject({ avoid: 'n1' })
    expect(askOf(moved.context)).not.toHaveProperty('prefer')
    const next = step(taskMachine, moved.snapshot, onto('n2')).snapshot.context as TaskContext
    expect(next.aim).toBeUndefined()
    expect(askOf(walk(onFailure()).context)).not.toHaveProperty('prefer')
  })

  test('has a new window on another node, and none on a node where it had to stay', () => {
    const spec = onFailure({ sameNode: 1 })
    const used = [placed, exited(1), elapsed, placed, exited(1), elapsed]
    expect(walk(spec, ...used).aim?.is).toBe('avoid')
    expect(walk(spec, ...used, onto('n2'), exited(1)).aim).toMatchObject({ is: 'prefer', nodeId: 'n2' })
    expect(walk(spec, ...used, placed, exited(1)).aim).toMatchObject({ is: 'avoid', nodeId: 'n1' })
  })

  test('has a new window when the old one is over, or begins in the future', () => {
    const spec = onFailure({ sameNode: 1, windowMs: 60_000 })
    const failing = (afterMs: number) => walk(spec, placed, exited(1), ...again, at(exited(1), afterMs)).aim?.is
    expect([failing(0), failing(59_999), failing(60_000), failing(-1)]).toEqual(['avoid', 'avoid', 'prefer', 'prefer'])
  })

  test('is done for when it has no restart left, wherever it might have gone', () => {
    expect(walk(onFailure({ max: 1, sameNode: 0 }), placed, exited(1), ...again, exited(1)).path).toBe('Failed')
  })

  test.each<[string, Stamped[]]>([
    ['a start that may go better', [stamped({ type: 'StartFailed', code: 'x', message: 'y', retryable: true })]],
    ['a stop for its time', [started, stamped({ type: 'TimedOut' }), exited(0)]],
    ['a stop for its health', [started, stamped({ type: 'Unhealthy' }), exited(143)]],
  ])('counts %s', (_name, events) => {
    const { aim, context } = walk(always(), placed, ...events)
    expect(aim?.is).toBe('prefer')
    expect(context.window).toEqual({ nodeId: 'n1', fromMs: stamp.atMs, restarts: 1 })
  })
})

describe('a task whose node has not failed it', () => {
  test('stays when it succeeded, and that counts for nothing', () => {
    const { aim, context } = walk(always({ sameNode: 0 }), placed, started, exited(0))
    expect(aim).toEqual({ is: 'prefer', nodeId: 'n1', because: 'its last attempt succeeded on one' })
    expect(context).toMatchObject({ window: undefined, restarts: 1 })
  })

  test('goes elsewhere when it was lost or drained, at once, and uses up no restart', () => {
    const lost = walk(onFailure(), placed, started, stamped({ type: 'Lost' }))
    expect(lost.path).toBe('Pending.Queued')
    expect(lost.aim).toEqual({ is: 'avoid', nodeId: 'n1', because: 'its last attempt was lost on one' })
    const drained = walk(onFailure(), placed, started, stamped({ type: 'Drain' }), exited(143))
    expect(drained.path).toBe('Pending.Queued')
    expect(drained.aim).toEqual({ is: 'avoid', nodeId: 'n1', because: 'one was drained' })
    for (const { context } of [lost, drained]) expect(context).toMatchObject({ restarts: 0, window: undefined })
  })

  test('goes elsewhere when it was lost while its time was up', () => {
    const { path, aim } = walk(onFailure(), placed, started, stamped({ type: 'TimedOut' }), stamped({ type: 'Lost' }))
    expect([path, aim?.is]).toEqual(['Pending.BackingOff', 'avoid'])
  })
})

describe('the delay', () => {
  test('of a restart in place is drawn from 0, and that of a move from the upper half', () => {
    const rolled = (spec: object, roll: number) => walk(spec, placed, started, { ...exited(1), roll }).delayMs
    expect([0, 0.5, 0.999].map((roll) => rolled(onFailure(), roll))).toEqual([0, 250, 499])
    expect([0, 0.5, 0.999].map((roll) => rolled(onFailure({ sameNode: 0 }), roll))).toEqual([250, 375, 499])
  })

  test('grows from move to move, whatever the dice show, up to the cap', () => {
    const rolls = fc.array(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), { maxLength: 12 })
    fc.assert(
      fc.property(rolls, (dice) => {
        let beforeMs = 0
        let { snapshot } = walk(onFailure({ sameNode: 0 }), placed)
        for (const roll of dice) {
          const failed = step(taskMachine, snapshot, { ...exited(1), roll })
          const [{ delayMs = -1 } = {}] = failed.effects.filter((effect) => effect.type === 'schedule')
          expect(delayMs).toBeGreaterThanOrEqual(Math.min(beforeMs, 30_000))
          expect(delayMs).toBeLessThanOrEqual(60_000)
          beforeMs = delayMs
          snapshot = step(taskMachine, step(taskMachine, failed.snapshot, elapsed).snapshot, placed).snapshot
        }
      }),
    )
  })
})

test('whatever happens: a stay is within the window, a move only after it is used up, and neither is confused', () => {
  const departure = fc.constantFrom('failed' as const, 'failed' as const, 'succeeded' as const, 'lost' as const)
  const end = fc.record({ departure, nodeId: fc.constantFrom('a', 'b'), afterMs: fc.nat(400) })
  fc.assert(
    fc.property(
      fc.array(end, { maxLength: 30 }),
      fc.nat(3),
      fc.integer({ min: 1, max: 1_000 }),
      (ends, sameNode, ms) => {
        const restart = resolveRestart({ policy: 'always', sameNode, windowMs: ms })
        let window: RestartWindow | undefined
        let stays: { nodeId: string; atMs: number }[] = []
        let atMs = 0
        for (const { departure, nodeId, afterMs } of ends) {
          atMs += afterMs
          const onward = onwardAfter(departure, restart, { nodeId, nodeName: nodeId, atMs, window })
          window = onward.window
          expect(onward.aim.nodeId).toBe(nodeId)
          if (departure !== 'failed') {
            expect(onward.aim.is).toBe(departure === 'lost' ? 'avoid' : 'prefer')
            continue
          }
          const first = stays[0]
          if (first === undefined || first.nodeId !== nodeId || atMs - first.atMs >= ms) stays = []
          expect(onward.aim.is).toBe(stays.length < sameNode ? 'prefer' : 'avoid')
          if (stays.length < sameNode) stays.push({ nodeId, atMs })
        }
      },
    ),
  )
})

describe('explained', () => {
  const node = (nodeId: string, changes: Partial<CandidateNode> = {}): CandidateNode => ({
    nodeId,
    name: `name-${nodeId}`,
    state: 'Ready',
    draining: false,
    offered: { cpus: 1, memoryBytes: 2 ** 30 },
    reserved: { cpus: 0, memoryBytes: 0 },
    attempts: 0,
    labels: {},
    drivers: { process: 'complete' },
    ...changes,
  })

  test('what was wished for, why, and what came of it', () => {
    const { context } = walk(onFailure(), placed, started, exited(1), elapsed)
    const told = (...nodes: CandidateNode[]) =>
      explained(decide(roundRobin, askOf(context), nodes, roundRobin.initial, 0).decision, context.aim).note
    const because = 'restart 1 of the 2 that stay on one within 30 min: that node is preferred'
    expect(told(node('n0'), node('n1'))).toBe(`${because}, and it is fit`)
    expect(told(node('n0'), node('n1', { state: 'Down' }))).toBe(`${because}, but it is not fit (not ready (Down))`)
    expect(told(node('n0'))).toBe(`${because}, but there is no such node any more`)
    expect(told(node('n1', { state: 'Down' }))).toBeUndefined()
  })

  test('is kept with the task', () => {
    const { snapshot } = walk(onFailure(), placed, started, exited(1), elapsed)
    const decision: PlacementDecision = { ...placed.decision, note: 'that node is preferred, and it is fit' }
    const { context } = step(taskMachine, snapshot, stamped({ ...placed, decision })).snapshot
    expect((context as TaskContext).decision?.note).toMatch(
      /^restart 1 of the 2 that stay on one .*: that node is preferred, /,
    )
  })
})

test('a task from before there were windows goes on with the defaults', () => {
  const old = persist(walk(onFailure(), placed, started).snapshot) as { context: Record<string, unknown> }
  const { window: _window, aim: _aim, policies, ...context } = old.context
  const {
    sameNode: _sameNode,
    windowMs: _windowMs,
    ...restart
  } = (policies as { restart: Record<string, unknown> }).restart
  const written = encodeRecord({ ...old, context: { ...context, policies: { ...(policies as object), restart } } })
  let snapshot = restore(taskMachine, decodeRecord(written) as ReturnType<typeof persist>)
  expect(askOf(snapshot.context as TaskContext)).not.toHaveProperty('prefer')
  const aims: (string | undefined)[] = []
  for (let n = 0; n < 3; n += 1) {
    snapshot = step(taskMachine, snapshot, exited(1)).snapshot
    aims.push((snapshot.context as TaskContext).aim?.is)
    for (const event of again) snapshot = step(taskMachine, snapshot, event).snapshot
  }
  expect(aims).toEqual(['prefer', 'prefer', 'avoid'])
})
