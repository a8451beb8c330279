/**
 * The walk over a machine's places with `xstate/graph`: the shortest path to each, by the events of its alphabet.
 */
import type { AnyMachineSnapshot, AnyStateNode, TransitionDefinition } from 'xstate'
import { getShortestPaths, getStateNodes } from 'xstate/graph'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import type { Stamped, Subject } from './machine-subjects.ts'

export interface Place {
  readonly key: string
  /** From the first step to here. */
  readonly events: readonly Stamped[]
  /** By `step`, along the path. */
  readonly snapshot: AnyMachineSnapshot
}

/** More than any of our machines has; a mark that forgets to bound a counter ends here and not in an endless walk. */
const stepsMax = 200_000

export function places(subject: Subject, input: unknown): Place[] {
  const keyOf = (snapshot: AnyMachineSnapshot) =>
    JSON.stringify([snapshot.status, pathOf(snapshot.value), subject.mark(snapshot)])
  const paths = getShortestPaths(subject.machine, {
    events: subject.events,
    input,
    serializeState: keyOf,
    serializeEvent: (event: unknown) => JSON.stringify(event),
    stopWhen: (snapshot: AnyMachineSnapshot) => snapshot.status !== 'active',
    limit: stepsMax,
  } as never) as unknown as { steps: { event: Stamped }[]; state: AnyMachineSnapshot }[]
  return paths.map((path) => {
    // The first is xstate's own, of starting.
    const events = path.steps.map(({ event }) => event).filter(({ type }) => type !== 'xstate.init')
    let snapshot = initialStep(subject.machine, input).snapshot
    for (const event of events) snapshot = step(subject.machine, snapshot, event).snapshot
    return { key: keyOf(path.state), events, snapshot }
  })
}

const nodesOf = (subject: Subject): AnyStateNode[] => [
  subject.machine.root,
  ...(getStateNodes(subject.machine) as AnyStateNode[]),
]

/** Every state of the machine, by its id. */
export const stateIds = (subject: Subject): string[] => nodesOf(subject).map((node) => node.id)

export const reachedIds = (snapshot: AnyMachineSnapshot): string[] =>
  (snapshot._nodes as AnyStateNode[]).map((node) => node.id)

/** Every transition of the machine, with a name for the report: `task.Pending Stop[0] → task.Completed`. */
export function transitionsOf(subject: Subject): Map<object, string> {
  const named = new Map<object, string>()
  for (const node of nodesOf(subject)) {
    const groups = [...node.transitions.entries(), ['always', node.always ?? []] as const]
    for (const [eventType, transitions] of groups) {
      for (const [index, transition] of (transitions as TransitionDefinition<never, never>[]).entries()) {
        const target = transition.target?.map(({ id }) => id).join(', ') ?? '(stays)'
        named.set(transition, `${node.id} ${eventType}[${index}] → ${target}`)
      }
    }
  }
  return named
}
