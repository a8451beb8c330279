/** Machines with all that XState lets one write and Troupe's own do without. */
import { and, createMachine, not, or, stateIn } from 'xstate'

const isReady = () => true
export const longName = 'A state with a very long name that no box would hold, and "quotes" & <b>HTML</b>; 100% {of} it'

/** Each kind of state, transition and guard, once. */
export const oddMachine = createMachine({
  id: 'odd',
  initial: 'a',
  on: { '*': '.a', Reset: { target: '.c', reenter: true }, Kill: '#odd.end' },
  states: {
    a: {
      after: { 1500: 'b', slow: { target: 'b', guard: 'isSlow' } },
      always: [
        { guard: and(['p', not('q'), or(['r', isReady])]), target: 'b' },
        { guard: stateIn('#odd.b'), target: 'c' },
        { guard: () => false, target: 'c' },
      ],
      on: {
        'mouse.*': 'c.back',
        Again: { target: 'a', reenter: true },
        Same: 'a',
        Note: { actions: ['note', { type: 'count' }, () => {}] },
        Never: {},
      },
    },
    [longName]: { on: { 'an event with "quotes" & <i>signs</i>: all; of them': 'c', Up: '#odd' } },
    b: { invoke: { src: 'load', onDone: 'c', onError: longName, onSnapshot: { actions: 'look' } } },
    c: {
      type: 'parallel',
      description: 'Two things <at> once.',
      onDone: 'end',
      on: { Both: { target: ['.r1.v', '.r2.y'] }, Leave: 'end', Redo: { target: 'c', reenter: true } } as never,
      states: {
        back: { type: 'history', history: 'deep', target: 'r1' },
        r1: {
          initial: 'u',
          states: {
            u: { on: { Next: 'v', Out: '#odd.a' } },
            v: {
              initial: 'deep',
              on: { Self: { target: 'v', reenter: true } },
              onDone: 'w',
              states: { deep: { on: { Parent: '#odd.c.r1.v', Back: '#odd.c.back' } }, fin: { type: 'final' } },
            },
            w: { type: 'final' },
          },
        },
        r2: { initial: 'x', states: { x: { on: { Next: 'y' } }, y: { type: 'final' } } },
      },
    },
    end: { type: 'final' },
  },
})

/** One state, and that is all. */
export const lonelyMachine = createMachine({ id: 'lonely' })
