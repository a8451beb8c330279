/** Our `assign` changes a context as XState's own does. */
import { describe, expect, test } from 'vitest'
import { createMachine, setup, assign as xstateAssign } from 'xstate'
import { assign } from '../../actors/assign.ts'
import { initialStep, step } from '../../actors/step.ts'

describe('assign', () => {
  const machineBy = (by: typeof xstateAssign) =>
    setup({
      types: { context: {} as { a: number; b: string; c?: number }, events: {} as { type: 'Go'; by: number } },
    }).createMachine({
      id: 'assigning',
      context: { a: 1, b: 'b' },
      initial: 'One',
      states: {
        One: {
          tags: 'first',
          on: {
            Go: {
              target: 'Two',
              actions: [
                by(({ context, event }) => ({ a: context.a + event.by })),
                by({ b: ({ context }) => `${context.b}${context.a}`, c: 7 }),
              ],
            },
          },
        },
        Two: { tags: 'second', entry: by(({ context }) => ({ a: context.a * 2 })) },
      },
    })

  test("comes to what XState's own comes to", () => {
    const [own, ours] = [xstateAssign, assign].map((by) => {
      const machine = machineBy(by)
      const first = initialStep(machine, undefined).snapshot
      const event = { type: 'Go', by: 4, atMs: 0, roll: 0 }
      const { snapshot } = step(machine, first, event)
      expect(first.context).toEqual({ a: 1, b: 'b' })
      return { context: snapshot.context, value: snapshot.value, tags: [...snapshot.tags], status: snapshot.status }
    })
    expect(ours).toEqual(own)
    expect(ours?.context).toEqual({ a: 10, b: 'b5', c: 7 })
  })

  test('that throws leaves the snapshot as it was', () => {
    const spoil = (): { a: number } => {
      throw new Error('spoiled')
    }
    const machine = createMachine({ id: 'failing', context: { a: 1 }, on: { Go: { actions: assign(spoil) } } })
    const { snapshot } = initialStep(machine, undefined)
    expect(() => step(machine, snapshot, { type: 'Go', atMs: 0, roll: 0 })).toThrow('spoiled')
    expect(snapshot.context).toEqual({ a: 1 })
  })
})
