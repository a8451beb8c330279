/**
 * What follows from where a task stands: its place in the queue, its reservation, what its node should do, and what
 * people see. Pure functions of its snapshot, so that the manager derives them afresh at every load.
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { Health } from './health.ts'
import type { AttemptKey, HostPort, Resources, TaskState, TaskView } from './model.ts'
import type { Ask } from './schedulers/scheduler.ts'
import { pathOf } from './step.ts'
import { portsOf, type TaskContext } from './task-context.ts'

export interface Standing {
  /** It waits for a node. */
  readonly queued: boolean
  /** The attempt that is open: it holds a reservation, and its node should run or stop it. */
  readonly open: OpenAttempt | undefined
  readonly final: boolean
}

export interface OpenAttempt extends AttemptKey {
  readonly nodeId: string
  readonly action: 'run' | 'stop'
  readonly graceMs: number
  readonly stopAfterMs: number | undefined
  readonly reserved: Resources
  /** The ports that it holds there. */
  readonly ports: readonly HostPort[]
}

const nothing: Standing = { queued: false, open: undefined, final: false }
const final: Standing = { queued: false, open: undefined, final: true }
const queued: Standing = { queued: true, open: undefined, final: false }

/** Where no task is yet. */
export const noStanding: Standing = nothing

export function standingOf(snapshot: AnyMachineSnapshot): Standing {
  if (snapshot.status !== 'active') return final
  const path = pathOf(snapshot.value)
  if (path === 'Pending.Queued') return queued
  if (path.startsWith('Pending')) return nothing
  const context = snapshot.context as TaskContext
  return {
    queued: false,
    final: false,
    open: {
      taskId: context.taskId,
      attempt: context.attempt,
      nodeId: context.nodeId as string,
      action: context.stopCause === undefined ? 'run' : 'stop',
      graceMs: context.graceMs,
      stopAfterMs: context.policies.disconnect.stopAfterMs,
      reserved: context.reserved,
      ports: portsOf(context),
    },
  }
}

/** What it asks of a node while it waits for one. */
export function askOf({ driver, reserved, constraints, affinities, ports, aim }: TaskContext): Ask {
  const wanted = { ...(affinities === undefined ? {} : { affinities }), ...(ports === undefined ? {} : { ports }) }
  return { driver, reserved, constraints, ...wanted, ...(aim === undefined ? {} : { [aim.is]: aim.nodeId }) }
}

/** The state `Running.Up` is plain `Running` to people. */
const plainDetails = new Set(['Up'])

export function stateOf(path: string): { state: TaskState; detail: string } {
  const [state, detail = ''] = path.split('.')
  return { state: state as TaskState, detail: plainDetails.has(detail) ? '' : detail }
}

/** Until a check has counted, one that runs is starting. */
function healthOf({ checked, health, startedAtMs }: TaskContext): Health | undefined {
  if (!checked || health !== undefined || startedAtMs === undefined) return health
  return { seq: 0, state: 'starting', atMs: startedAtMs, failures: 0 }
}

export function viewOf(snapshot: AnyMachineSnapshot, revision: number): TaskView {
  const context = snapshot.context as TaskContext
  const end = context.end
  const { state, detail } = stateOf(pathOf(snapshot.value))
  const waitsBecause = state === 'Pending' ? context.why : undefined
  const health = healthOf(context)
  const ports = portsOf(context)
  const isOpen = state === 'Scheduled' || state === 'Running'
  const ailsBecause = state === 'Running' ? health?.detail : undefined
  return {
    id: context.taskId,
    name: context.name,
    state,
    detail,
    driver: context.driver,
    node: context.nodeName ?? null,
    nodeId: context.nodeId ?? null,
    attempt: context.attempt,
    restarts: context.restarts,
    exitCode: end?.kind === 'exited' ? end.exitCode : null,
    signal: (end?.kind === 'exited' ? end.signal : undefined) ?? null,
    outcome: context.outcome ?? null,
    reason: context.reason ?? waitsBecause ?? ailsBecause ?? null,
    ...(health === undefined ? {} : { health: { ...health } }),
    image: context.image ?? null,
    command: [...context.command],
    labels: { ...context.labels },
    reserved: { ...context.reserved },
    ...(isOpen && ports.length > 0 ? { ports: ports.map((port) => ({ ...port })) } : {}),
    rerunOf: context.rerunOf ?? null,
    createdAtMs: context.createdAtMs,
    scheduledAtMs: context.scheduledAtMs ?? null,
    startedAtMs: context.startedAtMs ?? null,
    finishedAtMs: context.finishedAtMs ?? null,
    revision,
  }
}
