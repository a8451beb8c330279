/**
 * A scheduler of an application's own, whose mistakes are told and cost nobody a placement: a node that it cannot judge
 * is taken last, by its id.
 */
import { TroupeError } from '../../actors/protocol/errors.ts'
import { roundRobin } from '../../actors/schedulers/round-robin.ts'
import type { Scheduler } from '../../actors/schedulers/scheduler.ts'
import { schedulerNamed, schedulerNames } from '../../actors/schedulers/schedulers.ts'
import type { Logger } from '../logger.ts'

/** What an option names, or is itself. By default round-robin. Throws TroupeError `Invalid` with the names that there are. */
export function chosenScheduler(chosen: string | Scheduler | undefined, logger: Logger): Scheduler<never> {
  // Whatever it remembers is its own affair: it is only handed back to it.
  if (chosen === undefined) return roundRobin as Scheduler<never>
  if (typeof chosen !== 'string') return ownScheduler(chosen, logger) as Scheduler<never>
  const named = schedulerNamed(chosen)
  if (named !== undefined) return named as Scheduler<never>
  const names = `${schedulerNames.slice(0, -1).join(', ')} and ${schedulerNames.at(-1)}`
  throw new TroupeError('Invalid', `there is no scheduler "${chosen}"; there are ${names}, or give one of your own`)
}

/** Dearer than whatever a scheduler says, and still a number. */
const dearest = Number.MAX_VALUE

export function ownScheduler<State>(scheduler: Scheduler<State>, logger: Logger): Scheduler<State> {
  let lastFault = ''
  const tell = (fault: string) => {
    // It is asked for every node of every task: one and the same mistake is said once.
    if (fault === lastFault) return
    lastFault = fault
    logger.error(`the scheduler ${scheduler.name} ${fault}; tasks are placed without its word where it fails`)
  }
  const { after } = scheduler
  return {
    name: scheduler.name,
    initial: scheduler.initial,
    ...(after === undefined
      ? {}
      : {
          after(state: State) {
            try {
              const nodeId = after.call(scheduler, state)
              if (nodeId === null || typeof nodeId === 'string') return nodeId
              tell(`gave what is neither a nodeId nor null in after, ${nodeId}`)
            } catch (error) {
              tell(`threw in after: ${error instanceof Error ? error.message : String(error)}`)
            }
            return null
          },
        }),
    score(ask, node, state) {
      try {
        const cost = scheduler.score(ask, node, state)
        if (Number.isFinite(cost)) return cost
        tell(`gave a cost that is no finite number, ${cost}`)
      } catch (error) {
        tell(`threw in score: ${error instanceof Error ? error.message : String(error)}`)
      }
      return dearest
    },
    picked(node, state) {
      try {
        return scheduler.picked(node, state)
      } catch (error) {
        tell(`threw in picked: ${error instanceof Error ? error.message : String(error)}`)
        return state
      }
    },
  }
}
