/** Whether a task whose attempt has ended is tried again, and after which delay. */
import { type AttemptEnd, modelLimits, type RestartPolicy } from './model.ts'

export const restartDefaults = {
  /** The upper bound of the first delay, in milliseconds. */
  backOffMs: 500,
  /** The cap of its doubling, in milliseconds. */
  backOffMaxMs: 60_000,
  /** Restarts on the same node within the window: as many as Nomad's `restart` block allows a service by default. */
  sameNode: 2,
  /** The length of that window, likewise. */
  windowMs: 1_800_000,
} as const

/** A restart policy with its defaults filled in. */
export interface ResolvedRestart {
  readonly policy: RestartPolicy['policy']
  /** Restarts at most; absent = without end. */
  readonly max?: number
  readonly backOffMs: number
  readonly backOffMaxMs: number
  /** Absent in the record of a task that is older than the two: their defaults hold (`onwardAfter`). */
  readonly sameNode?: number
  readonly windowMs?: number
}

/** Fills in the defaults. A first delay longer than the default cap lifts the cap, since the user asked for it. */
export function resolveRestart(restart: RestartPolicy | undefined): ResolvedRestart {
  const backOffMs = restart?.backOffMs ?? restartDefaults.backOffMs
  return {
    policy: restart?.policy ?? 'never',
    ...(restart?.max === undefined ? {} : { max: restart.max }),
    backOffMs,
    backOffMaxMs: restart?.backOffMaxMs ?? Math.max(restartDefaults.backOffMaxMs, backOffMs),
    sameNode: restart?.sameNode ?? restartDefaults.sameNode,
    windowMs: restart?.windowMs ?? restartDefaults.windowMs,
  }
}

/** How an attempt ended, as far as restarting goes. `fatal`: trying again cannot help. */
export type Ending = 'succeeded' | 'failed' | 'fatal'

/**
 * The ending of an attempt that nobody was stopping. One that was stopped by a limit (`timeout`, `unhealthy`) has
 * `failed` whatever its code; after a stop by the user, and for one that is lost, the restart policy is never asked.
 */
export function endingOf(end: Exclude<AttemptEnd, { kind: 'lost' }>): Ending {
  if (end.kind === 'startFailed') return end.retryable ? 'failed' : 'fatal'
  return end.exitCode === 0 ? 'succeeded' : 'failed'
}

/**
 * The delay before a restart, in whole milliseconds: `roll` × min(cap, base × 2^restarts), that is exponential back-off with
 * full jitter as in the AWS Architecture Blog's "Exponential Backoff And Jitter".
 * @param restarts how many there were before this one, from 0
 * @param roll evenly spread in [0, 1)
 */
export function backOffMs(restart: ResolvedRestart, restarts: number, roll: number): number {
  return Math.floor(roll * boundOf(restart, restarts))
}

/**
 * The delay before a restart elsewhere: of the same bound, but from its upper half (the "equal jitter" of that article). The
 * bound doubles, so each such delay is at least as long as the one before it, until they all lie in the upper half of the cap.
 */
export function moveDelayMs(restart: ResolvedRestart, restarts: number, roll: number): number {
  return Math.floor((0.5 + roll / 2) * boundOf(restart, restarts))
}

function boundOf(restart: ResolvedRestart, restarts: number): number {
  // 2^31 times 1 ms is longer than any cap, and a larger exponent would end in Infinity, or NaN for a base of 0.
  const doubledMs = restart.backOffMs * 2 ** Math.min(restarts, 31)
  return Math.min(restart.backOffMaxMs, doubledMs, modelLimits.durationMsMax)
}

export type AfterEnd = { readonly restart: false } | { readonly restart: true; readonly delayMs: number }

/**
 * What becomes of a task after an attempt's end. `always` restarts after success too; nothing restarts what cannot
 * succeed, and nothing more often than `max`.
 * @param restarts how many there were already, from 0
 * @param roll evenly spread in [0, 1), of the event that brought the end
 */
export function afterEnd(restart: ResolvedRestart, restarts: number, ending: Ending, roll: number): AfterEnd {
  const wanted =
    restart.policy === 'always' ? ending !== 'fatal' : restart.policy === 'on-failure' && ending === 'failed'
  if (!wanted || (restart.max !== undefined && restarts >= restart.max)) return { restart: false }
  return { restart: true, delayMs: backOffMs(restart, restarts, roll) }
}
