/**
 * What becomes of a task when its attempt has ended: the one place where exit, stop, loss and the restart policy meet.
 * Pure; `task.ts` guards its transitions with it.
 */
import type { Health } from './health.ts'
import type { AttemptEnd, Outcome } from './model.ts'
import type { Policies } from './policies.ts'
import { afterEnd, type Ending, endingOf } from './restart.ts'

/** `Drain`: its node is to be left. */
export type StopCause = 'Stop' | 'TimedOut' | 'Unhealthy' | 'Drain'

export type Verdict =
  | { readonly to: 'Completed' | 'Failed'; readonly outcome: Outcome; readonly reason: string | undefined }
  /** Again, after the policy's delay; uses up a restart. */
  | { readonly to: 'BackingOff' }
  /** Again at once, on another node; uses up no restart. */
  | { readonly to: 'Queued' }

interface Case {
  readonly policies: Policies
  readonly restarts: number
  readonly stopCause: StopCause | undefined
  /** What its health check said last. */
  readonly health?: Health | undefined
}

/** One sentence for people about an end. */
export function describeEnd(end: AttemptEnd): string | undefined {
  switch (end.kind) {
    case 'exited': {
      if (end.exitCode === 0) return undefined
      if (end.oomKilled) return `killed by the kernel: out of memory (exit code ${end.exitCode})`
      const signal = end.signal === undefined ? '' : ` (${end.signal})`
      return `exited with code ${end.exitCode}${signal}`
    }
    case 'startFailed':
      return `${end.code}: ${end.message}`
    case 'lost':
      return end.message
  }
}

/** Continues "stopped as …". */
export const describeHealth = (health: Health | undefined): string =>
  health?.detail === undefined ? 'unhealthy' : `unhealthy: ${health.detail}`

const restarts = (task: Case, ending: Ending): boolean =>
  afterEnd(task.policies.restart, task.restarts, ending, 0).restart

export function verdict(task: Case, end: AttemptEnd): Verdict {
  if (task.stopCause === 'Stop') return { to: 'Completed', outcome: 'stopped', reason: 'stopped on request' }
  if (task.stopCause === 'Drain') return afterDrain(task, end)
  if (task.stopCause !== undefined) return afterForcedStop(task, task.stopCause, end)
  switch (end.kind) {
    case 'lost':
      return task.policies.disconnect.replace
        ? { to: 'Queued' }
        : { to: 'Failed', outcome: 'lost', reason: describeEnd(end) }
    case 'startFailed':
      if (restarts(task, endingOf(end))) return { to: 'BackingOff' }
      return { to: 'Failed', outcome: 'start', reason: describeEnd(end) }
    case 'exited':
      return afterExit(task, end)
  }
}

function afterExit(task: Case, end: Extract<AttemptEnd, { kind: 'exited' }>): Verdict {
  if (restarts(task, endingOf(end))) return { to: 'BackingOff' }
  if (end.exitCode === 0) return { to: 'Completed', outcome: 'succeeded', reason: undefined }
  return { to: 'Failed', outcome: end.oomKilled ? 'oom' : 'exit', reason: describeEnd(end) }
}

/**
 * Stopped because its node is drained: it goes on elsewhere and uses up no restart, whatever its exit code was, if it may
 * be replaced or, once it has surely ended, if its policy would have it run again.
 */
function afterDrain({ policies }: Case, end: AttemptEnd): Verdict {
  if (policies.disconnect.replace) return { to: 'Queued' }
  if (end.kind === 'lost') return { to: 'Failed', outcome: 'lost', reason: describeEnd(end) }
  if (policies.restart.policy !== 'never') return { to: 'Queued' }
  return {
    to: 'Completed',
    outcome: 'stopped',
    reason: 'stopped because its node was drained, and it may not be replaced',
  }
}

/** Stopped because it took too long or was unhealthy: the policy decides, but a lost one may run on and must not overlap. */
function afterForcedStop(task: Case, cause: 'TimedOut' | 'Unhealthy', end: AttemptEnd): Verdict {
  const mayOverlap = end.kind !== 'lost' || task.policies.disconnect.replace
  if (mayOverlap && restarts(task, 'failed')) return { to: 'BackingOff' }
  if (cause === 'Unhealthy')
    return { to: 'Failed', outcome: 'unhealthy', reason: `stopped as ${describeHealth(task.health)}` }
  return { to: 'Failed', outcome: 'timeout', reason: `stopped after running for ${task.policies.limits.timeoutMs} ms` }
}
