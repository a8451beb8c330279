/** The median of measurements that scatter, with how far it can be trusted. */

export interface Median {
  readonly median: number
  readonly low: number
  readonly high: number
  /** How likely the true median lies from `low` to `high`, whatever the measurements' distribution; from 0 to 1. */
  readonly confidence: number
}

const confidenceWanted = 0.95

/**
 * The median with its order-statistic interval: from the k-th smallest to the k-th largest, with the greatest k that is
 * sure enough. Of 10 these are the second and the ninth (97.9 %); of fewer than 6 none is, and it gives the extremes.
 */
export function medianOf(values: readonly number[]): Median {
  const sorted = [...values].sort((a, b) => a - b)
  const count = sorted.length
  const at = (index: number): number => sorted[index] as number
  let k = 1
  while (2 * (k + 1) <= count && confidenceOf(count, k + 1) >= confidenceWanted) k += 1
  const half = count >> 1
  const median = count % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2
  return { median, low: at(k - 1), high: at(count - k), confidence: confidenceOf(count, k) }
}

/** That neither fewer than k values lie below the true median nor fewer than k above it. */
function confidenceOf(count: number, k: number): number {
  let combinations = 1
  let tail = 0
  for (let below = 0; below < k; below += 1) {
    tail += combinations
    combinations = (combinations * (count - below)) / (below + 1)
  }
  return 1 - (2 * tail) / 2 ** count
}
