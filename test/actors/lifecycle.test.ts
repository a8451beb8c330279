/** What the lives of a manager and of a worker ask for, in order. Where they go is in exhaustive.test.ts. */
import { describe, expect, test } from 'vitest'
import type { LifecycleContext } from '../../actors/lifecycle.ts'
import { managerMachine } from '../../actors/manager.ts'
import { initialStep, step } from '../../actors/step.ts'
import { workerMachine } from '../../actors/worker.ts'
import { stamped } from './machine-subjects.ts'

describe.each([
  ['manager', managerMachine],
  ['worker', workerMachine],
] as const)('a %s', (id, machine) => {
  function walk(...types: string[]) {
    let { snapshot, effects } = initialStep(machine, undefined)
    const asked = [...effects]
    for (const type of types) {
      ;({ snapshot, effects } = step(machine, snapshot, stamped({ type, reason: 'the disk is full' })))
      asked.push(...effects)
    }
    return { asked: asked.map(({ type }) => type), snapshot, context: snapshot.context as LifecycleContext }
  }

  test('is called so in its records', () => {
    expect(machine.id).toBe(id)
  })

  test('recovers before it opens, and closes before it is stopped', () => {
    expect(walk().asked).toEqual([])
    expect(walk('Start').asked).toEqual(['recover'])
    expect(walk('Start', 'Loaded').asked).toEqual(['recover', 'open'])
    expect(walk('Start', 'Loaded', 'Stop').asked).toEqual(['recover', 'open', 'close'])
    expect(walk('Start', 'Loaded', 'Stop', 'Drained').snapshot.status).toBe('done')
  })

  test('never opens once it is to stop', () => {
    expect(walk('Start', 'Stop', 'Loaded', 'Drained').asked).toEqual(['recover', 'close'])
  })

  test('fails at once, from wherever it is, with the reason and without closing', () => {
    for (const before of [['Start'], ['Start', 'Loaded'], ['Start', 'Loaded', 'Stop']]) {
      const { asked, snapshot, context } = walk(...before, 'Fail')
      expect(asked).toEqual(walk(...before).asked)
      expect([snapshot.status, snapshot.value, context.reason]).toEqual(['done', 'Failed', 'the disk is full'])
    }
  })
})
