/** How an actor and its steps are shown to whoever inspects a cluster; see `protocol/inspection.ts` for the shapes. */
import type { AnyMachineSnapshot } from 'xstate'
import type { AttemptContext } from './attempt.ts'
import type { NodeContext } from './node.ts'
import { pathOf } from './path.ts'
import { type ActorStep, type ActorView, inspectionLimits, type MachineName } from './protocol/inspection.ts'
import { shown } from './shown.ts'
import type { TaskContext } from './task-context.ts'

/** What is the same in every view and step of an actor. */
export type Whose = Pick<ActorView, 'id' | 'machine' | 'parent' | 'nodeId' | 'taskId' | 'attempt'>

/** Ids of actors, as they are shown. */
export const actorIds = {
  manager: 'manager',
  node: (nodeId: string): string => `node:${nodeId}`,
  worker: (nodeId: string): string => `worker:${nodeId}`,
  session: (nodeId: string): string => `session:${nodeId}`,
  task: (taskId: string): string => `task:${taskId}`,
  attempt: (taskId: string, attempt: number): string => `attempt:${taskId}/${attempt}`,
} as const

/** Events that stand for an actor's coming into view, and leaving it. */
export const viewEvents = { seen: { type: 'Seen' }, gone: { type: 'Gone' } } as const

/** A step, and how large it is: roughly, in bytes. */
export interface SizedStep {
  readonly step: ActorStep
  readonly bytes: number
}

/** Roughly what all but the context and the event takes. */
const headBytes = 200

/** Whose machine this is. `nodeId`: of the worker that runs it; the manager has none. */
export function whoseOf(machine: MachineName, context: unknown, nodeId = ''): Whose {
  switch (machine) {
    case 'manager':
      return { id: actorIds.manager, machine }
    case 'node': {
      const { nodeId: own } = (context as NodeContext).registration
      return { id: actorIds.node(own), machine, parent: actorIds.manager, nodeId: own }
    }
    case 'worker':
      return { id: actorIds.worker(nodeId), machine, parent: actorIds.node(nodeId), nodeId }
    case 'session':
      return { id: actorIds.session(nodeId), machine, parent: actorIds.worker(nodeId), nodeId }
    case 'task': {
      const { taskId, attempt, nodeId: on } = context as TaskContext
      const where = on === undefined ? {} : { nodeId: on }
      return { id: actorIds.task(taskId), machine, parent: actorIds.manager, taskId, attempt, ...where }
    }
    case 'attempt': {
      const { taskId, attempt } = (context as AttemptContext).key
      return { id: actorIds.attempt(taskId, attempt), machine, parent: actorIds.task(taskId), nodeId, taskId, attempt }
    }
  }
}

const statusOf = ({ status }: AnyMachineSnapshot): ActorView['status'] => (status === 'stopped' ? 'done' : status)

/** Its context as it is shown; that of a machine without one is empty. */
function contextOf(snapshot: AnyMachineSnapshot): { context: ActorView['context']; cut?: true; bytes: number } {
  const { value, bytes, cut } = shown(snapshot.context, inspectionLimits.contextBytesMax)
  const context = typeof value === 'object' && value !== null ? (value as ActorView['context']) : {}
  return { context, bytes, ...(cut ? { cut } : {}) }
}

/** How an actor stands. `sinceMs`: since when, if that is known. */
export function viewOfActor(whose: Whose, snapshot: AnyMachineSnapshot, sinceMs: number | undefined): ActorView {
  const { bytes: _bytes, ...context } = contextOf(snapshot)
  const since = sinceMs === undefined ? {} : { atMs: sinceMs }
  return { ...whose, value: pathOf(snapshot.value), status: statusOf(snapshot), ...context, ...since }
}

/** A step that was taken at `atMs`. */
export function stepOfActor(
  whose: Whose,
  { before, event, from, to }: { before: AnyMachineSnapshot | undefined; event: object; from: string; to: string },
  after: AnyMachineSnapshot,
  atMs: number,
): SizedStep {
  const { atMs: _at, roll: _roll, ...told } = event as Record<string, unknown>
  const payload = shown(told, inspectionLimits.eventBytesMax)
  const { bytes, ...context } = before?.context === after.context ? { bytes: 0 } : contextOf(after)
  const head = { ...whose, atMs, event: payload.value as ActorStep['event'] }
  return {
    step: { ...head, from, to, status: statusOf(after), ...context },
    bytes: headBytes + payload.bytes + bytes,
  }
}

const whoseIn = ({ id, machine, parent, nodeId, taskId, attempt }: ActorView | ActorStep): Whose => ({
  ...{ id, machine },
  ...(parent === undefined ? {} : { parent }),
  ...(nodeId === undefined ? {} : { nodeId }),
  ...(taskId === undefined ? {} : { taskId }),
  ...(attempt === undefined ? {} : { attempt }),
})

/** An actor that comes into view, or is found elsewhere than it was last seen (`from`). */
export function seen(view: ActorView, from: string, atMs: number): ActorStep {
  const { value, status, context, cut } = view
  const step = { ...whoseIn(view), atMs: view.atMs ?? atMs, event: viewEvents.seen, from, to: value, status, context }
  return cut === undefined ? step : { ...step, cut }
}

/** An actor that is no more, or can be seen no more. */
export function gone(view: Pick<ActorView, 'value' | 'status'> & ActorView, atMs: number): ActorStep {
  return { ...whoseIn(view), atMs, event: viewEvents.gone, from: view.value, to: '', status: view.status }
}

/** What a step makes of what was known; undefined: the actor is gone. */
export function viewAfter(before: ActorView | undefined, step: ActorStep): ActorView | undefined {
  if (step.to === '') return undefined
  const { context = {}, cut } = step.context === undefined ? (before ?? {}) : step
  const atMs = before !== undefined && before.value === step.to ? before.atMs : step.atMs
  return {
    ...whoseIn(step),
    ...{ value: step.to, status: step.status, context },
    ...(cut === undefined ? {} : { cut }),
    ...(atMs === undefined ? {} : { atMs }),
  }
}

/** Bytes of plain data as JSON, roughly. */
export function bytesOfPlain(value: unknown): number {
  if (typeof value === 'string') return value.length + 4
  if (typeof value !== 'object' || value === null) return 8
  let bytes = 4
  for (const [name, field] of Object.entries(value)) bytes += name.length + 4 + bytesOfPlain(field)
  return bytes
}

/** The same of a step or a view that came over the wire. */
export const bytesOfActor = ({ context, ...rest }: ActorStep | ActorView): number =>
  headBytes + bytesOfPlain(context) + ('event' in rest ? bytesOfPlain(rest.event) : 0)
