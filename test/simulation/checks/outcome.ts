/** Each task came to what its script implies, or to what a stop, a limit or a loss makes of it: never to a surprise. */
import { attemptName, type TaskEvent } from '../../../actors/model.ts'
import type { Deed, Ledger, Told } from '../ledger.ts'
import type { Order } from '../orders.ts'
import type { World } from '../world.ts'

interface Case {
  readonly order: Order
  readonly told: Told
  readonly deed: Deed | undefined
  readonly events: readonly TaskEvent[]
  readonly ledger: Ledger
}

export function checkOutcomes(world: World, ledger: Ledger, log: ReadonlyMap<string, readonly TaskEvent[]>): void {
  for (const [taskId, order] of ledger.orders) {
    const told = ledger.told.findLast((one) => one.taskId === taskId)
    if (!ledger.acknowledged.has(taskId)) continue
    if (told?.outcome == null && ledger.isTrimmed(taskId)) {
      // That only what has ended is trimmed is seen to when it is deleted.
      world.sometimes('a task was trimmed before its end could be told')
      continue
    }
    if (told === undefined || told.outcome === null) {
      world.violated(
        'an acknowledged submission is never lost',
        `${taskId} was last seen as ${told?.path ?? 'nothing'}`,
      )
      continue
    }
    world.count(`ended ${told.outcome}`)
    const deed = ledger.deeds.get(attemptName({ taskId, attempt: Math.max(1, told.attempt) }))
    const fault = faultOf({ order, told, deed, events: log.get(taskId) ?? [], ledger })
    if (fault === undefined) continue
    const how = `${taskId} ended as ${told.path} ${told.outcome}, code ${told.exitCode}: ${fault}`
    world.violated('a task comes to what its script implies', how)
  }
}

/** An exit code is the one that the engine saw, of the very attempt that is shown. */
function faultOf(task: Case): string | undefined {
  const { told, deed } = task
  const code = told.exitCode
  if (code !== null && deed?.exitCode !== code) return `its engine saw code ${deed?.exitCode ?? 'none'}`
  return faultOfOutcome(task)
}

function faultOfOutcome(task: Case): string | undefined {
  const { order, told, deed, events, ledger } = task
  const { spec, script, taskId } = order
  switch (told.outcome) {
    case 'succeeded':
      return told.exitCode === 0 && script.exitCode === 0 ? undefined : 'it was not to succeed'
    case 'exit':
      if (script.exitCode === told.exitCode || deed?.isMeddledWith) return undefined
      return deed?.signalled && spec.disconnect?.stopAfterMs !== undefined ? undefined : 'its script ends otherwise'
    case 'stopped':
      if (ledger.stopsSent.has(taskId) || mayBeDrained(task)) return undefined
      return 'nobody stopped it'
    case 'unhealthy':
      return faultOfChecks(task)
    case 'timeout':
      return spec.timeoutMs === undefined ? 'it had no limit' : undefined
    case 'unplaceable':
      return spec.waitTimeoutMs === undefined ? 'it could have waited' : undefined
    case 'lost':
      // Drained or stopped while its worker was away, it may never have begun, and then nothing of it is found.
      if (deed === undefined || deed.isLost || ledger.damaged.has(attemptName({ taskId, attempt: told.attempt })))
        return undefined
      return events.some(({ event }) => event.type === 'NodeUnreachable')
        ? undefined
        : 'its node was never out of reach'
    case 'start':
      if (script.failingStarts >= told.attempt) return undefined
      if (ledger.damaged.has(attemptName({ taskId, attempt: told.attempt }))) return undefined
      // Its worker may have been alone for too long before it could start it; one that its engine lost without a trace, while the
      // worker was away, looks the same.
      return (deed === undefined || deed.isLost) && spec.disconnect?.stopAfterMs !== undefined
        ? undefined
        : 'its start was not to fail'
    default:
      return 'this has no reason at all'
  }
}

/** Ended by a drain, which only what would not run again anyway is. */
function mayBeDrained({ order, events, ledger }: Case): boolean {
  const { nodeName = '' } = (events.findLast(({ event }) => event.type === 'Placed')?.event ?? {}) as {
    nodeName?: string
  }
  const wasDrained = ledger.drained.has(nodeName) && events.some(({ event }) => event.type === 'Drain')
  return wasDrained && order.spec.restart?.policy === 'never'
}

/** It was stopped because of its health: its engine saw as many failed checks as it takes. */
function faultOfChecks({ order, deed }: Case): string | undefined {
  const { health } = order.spec
  if (health === undefined) return 'it has no health check'
  const needed = health.kind === 'container' ? 1 : (health.retries ?? 0)
  const failed = deed?.failedChecks ?? 0
  return failed >= needed ? undefined : `only ${failed} of its checks failed, and it takes ${needed}`
}

/**
 * A worker may say that an attempt is lost only if nothing of it exists: its engine lost it, its record was damaged
 * and nothing is left of it, or it was stopped before it was started.
 */
export function checkLosses(world: World, ledger: Ledger, log: ReadonlyMap<string, readonly TaskEvent[]>): void {
  for (const events of log.values()) {
    for (const { event, taskId, attempt } of events) {
      const { message } = event as { message?: string }
      if (event.type !== 'Lost') continue
      if (message === undefined) world.sometimes('a task was given up as lost')
      else if (!ledger.deeds.has(attemptName({ taskId, attempt })))
        world.sometimes('an attempt was lost before it began')
      else if (ledger.deeds.get(attemptName({ taskId, attempt }))?.isLost)
        world.sometimes('what an engine had lost was called lost')
      else if (ledger.damaged.has(attemptName({ taskId, attempt })))
        world.sometimes('what was left of a damaged record was called lost')
      else world.violated('what exists is not called lost', `${taskId}.${attempt}: ${message}`)
    }
  }
}
