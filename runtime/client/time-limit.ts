/** How long something may go on: until its signal is aborted, or its time is over. */
import { modelLimits } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Clock } from '../clock.ts'
import { onAbort } from './abort.ts'

/** What every iteration takes. */
export interface StreamOptions {
  /** Ends the iteration quietly. */
  readonly signal?: AbortSignal
  /**
   * How long the iteration may go on in all, lost connections included, in milliseconds, 0 to 2^31 - 1. What has arrived by
   * then is still told, and then it throws TroupeError `Unavailable`. Default: for ever.
   */
  readonly timeoutMs?: number
}

export interface TimeLimitEnds {
  readonly onAbort: () => void
  /** Its time is over (`Unavailable`), or is no time at all (`Invalid`). */
  readonly onLate: (error: TroupeError) => void
}

/** Calls one of the ends, at once if it is due. Returns what takes it back. `what` is for a sentence. */
export function limitTime(clock: Clock, what: string, options: StreamOptions, ends: TimeLimitEnds): () => void {
  const { signal, timeoutMs } = options
  const forget = onAbort(signal, ends.onAbort)
  if (timeoutMs === undefined || signal?.aborted) return forget
  if (!(timeoutMs >= 0 && timeoutMs <= modelLimits.durationMsMax)) {
    const range = `0 to ${modelLimits.durationMsMax} milliseconds`
    ends.onLate(new TroupeError('Invalid', `A timeoutMs of ${timeoutMs} cannot be: give ${range}.`))
    return forget
  }
  const late = () => ends.onLate(new TroupeError('Unavailable', `Not within ${timeoutMs / 1_000} s: ${what}.`))
  const cancel = clock.setTimer(late, timeoutMs)
  return () => {
    cancel()
    forget()
  }
}
