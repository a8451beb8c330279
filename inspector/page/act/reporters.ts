/** Who tells an actor what: nearly every event is a report of something that happened, which nobody can send instead. */
import { attemptEventTypes } from '../../../actors/attempt.ts'
import { lifecycleEventTypes } from '../../../actors/lifecycle.ts'
import { type NodeEvents, nodeEventTypes } from '../../../actors/node.ts'
import type { MachineName } from '../../../actors/protocol/inspection.ts'
import { sessionEventTypes } from '../../../actors/session.ts'
import { type TaskEvents, taskEventTypes } from '../../../actors/task-context.ts'

/** The event that forgets a node; it is no event of its machine, but ends it. */
export const removeEvent = 'Remove'

const ofTask: Readonly<Record<TaskEvents['type'], string | undefined>> = {
  Placed: 'The scheduler tells it this, when it has found a node.',
  Unplaceable: 'The scheduler tells it this, when no node is fit.',
  PlacementExpired: 'Its own timer does: the longest that it may wait for a node.',
  BackOffElapsed: 'Its own timer does, when the pause before the next attempt is over.',
  Pulling: 'Its worker reports this, when it fetches the image.',
  Started: 'Its worker reports this, when the program runs.',
  StartFailed: 'Its worker reports this, when the program could not be started.',
  Exited: 'Its worker reports this, when the program has ended.',
  Lost: 'Its worker reports this when it cannot know how the program ended; or its own timer, when its node stays away.',
  Stop: undefined,
  TimedOut: 'Its own timer does: the longest that an attempt may run.',
  HealthChanged: 'Its worker reports this, from its health check.',
  Unhealthy: 'Its worker reports this, when its health check failed too often.',
  Drain: 'Its node tells it this; drain the node.',
  NodeUnreachable: 'Its node tells it this, when its worker is not heard of.',
  NodeReturned: 'Its node tells it this, when its worker is back.',
  Recovered: 'The manager tells it this, after it has begun again.',
}

const ofNode: Readonly<Record<NodeEvents['type'], string | undefined>> = {
  Registered: 'Its worker does, when it connects.',
  DriversChanged: 'Its worker reports this, when an engine comes or goes.',
  HeartbeatLate: 'The manager’s timer does, when its worker is silent.',
  HeardFrom: 'Its worker does, by any word of it.',
  LeaseExpired: 'The manager’s timer does, when its worker stayed silent for too long.',
  Drain: undefined,
  DrainExpired: 'Its own timer does, at the drain’s deadline.',
  Undrain: undefined,
  Recovered: 'The manager tells it this, after it has begun again.',
}

/** All events of a machine, those first that a person may send. */
export function eventsOf(machine: MachineName): readonly string[] {
  const all = { task: taskEventTypes, node: [...nodeEventTypes, removeEvent] }[machine as string] ?? elsewhere(machine)
  return [...all].sort((one, other) => Number(maySend(machine, other)) - Number(maySend(machine, one)))
}

function elsewhere(machine: MachineName): readonly string[] {
  if (machine === 'attempt') return attemptEventTypes
  return machine === 'session' ? sessionEventTypes : lifecycleEventTypes
}

export const maySend = (machine: MachineName, event: string): boolean => whoReports(machine, event) === undefined

/** Why nobody may send it: who tells the actor instead; undefined: a person may. */
export function whoReports(machine: MachineName, event: string): string | undefined {
  if (machine === 'task') return event in ofTask ? ofTask[event as TaskEvents['type']] : 'It has no such event.'
  if (machine === 'node') {
    if (event === removeEvent) return undefined
    return event in ofNode ? ofNode[event as NodeEvents['type']] : 'It has no such event.'
  }
  if (machine === 'attempt') {
    if (event === 'Stop') return 'Its worker tells it this, when the manager wants its task stopped; stop the task.'
    return 'Its worker and its driver tell it this; a person speaks to the task.'
  }
  if (machine === 'session') return 'Its worker tells it this, from its connection.'
  return `The process of the ${machine} tells it this; it is started and stopped where it runs.`
}
