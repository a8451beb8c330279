/**
 * From a cumulative status to the events that it implies: the manager steps each of them in order, so that nobody sees
 * a task go from Scheduled to Completed without Running when it did run.
 */
import type { Health } from './health.ts'
import type { AttemptStatus } from './model.ts'
import type { TaskContext, TaskEvents } from './task.ts'

/**
 * What this status says that the task has not taken yet, oldest first. Nothing for an attempt that is not the task's
 * open one: an older attempt's word counts for nothing, and its end has been decided.
 */
export function impliedEvents(context: TaskContext, path: string, status: AttemptStatus): TaskEvents[] {
  const isOpen = path.startsWith('Scheduled') || path.startsWith('Running')
  if (!isOpen || status.attempt !== context.attempt) return []
  const events: TaskEvents[] = []
  if (path === 'Scheduled.Starting' && status.pullingAtMs !== undefined) events.push({ type: 'Pulling' })
  if (path.startsWith('Scheduled') && status.startedAtMs !== undefined) {
    events.push({ type: 'Started', startedAtMs: status.startedAtMs })
  }
  if (status.health !== undefined && status.startedAtMs !== undefined) {
    events.push(...healthEvents(context, path, status.health))
  }
  const byItself = context.stopCause === 'Drain' && status.stoppingAtMs === undefined
  if (status.end !== undefined) events.push(endEvent(status.end, byItself))
  return events
}

/** What its health check found, if that is news. Where a stop is under way it changes nothing any more. */
function healthEvents(context: TaskContext, path: string, health: Health): TaskEvents[] {
  // A worker whose record was damaged counts from 1 again, so that its last word may have a number that is known already.
  const isKnown =
    health.state === 'failed' ? context.health?.state === 'failed' : health.seq <= (context.health?.seq ?? 0)
  if (isKnown || path.endsWith('.Stopping')) return []
  // Nothing but what is known of it: what else a worker says beside it would be stored.
  const { seq, state, atMs, failures, detail } = health
  const found: Health = { seq, state, atMs, failures, ...(detail === undefined ? {} : { detail }) }
  return [state === 'failed' ? { type: 'Unhealthy', health: found } : { type: 'HealthChanged', health: found }]
}

function endEvent(end: NonNullable<AttemptStatus['end']>, byItself: boolean): TaskEvents {
  switch (end.kind) {
    case 'exited': {
      const { exitCode, signal, oomKilled } = end
      return {
        type: 'Exited',
        exitCode,
        ...(signal === undefined ? {} : { signal }),
        ...(oomKilled === undefined ? {} : { oomKilled }),
        ...(byItself ? { byItself } : {}),
      }
    }
    case 'startFailed':
      return { type: 'StartFailed', code: end.code, message: end.message, retryable: end.retryable }
    case 'lost':
      return { type: 'Lost', message: end.message }
  }
}
