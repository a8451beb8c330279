/** What a task used, sample after sample, as columns that can be plotted; bounded. */

export const seriesLimits = {
  /** Samples kept, one a second: an hour. */
  samplesMax: 3_600,
} as const

/** A sample of the API (`TaskStats`). */
export interface Sample {
  readonly attempt: number
  readonly atMs: number
  readonly cores?: number
  readonly memoryBytes: number
  readonly memoryLimitBytes?: number
  readonly netRxBytes?: number
  readonly netTxBytes?: number
  readonly pids?: number
}

type Column = (number | null)[]

/** Columns of one length. Where nothing is known there is null, and the line has a gap. */
export interface Columns {
  /** Seconds since 1970, rising. */
  readonly at: number[]
  readonly cores: Column
  readonly memory: Column
  readonly memoryLimit: Column
  /** Bytes a second. */
  readonly received: Column
  readonly sent: Column
}

const names = ['cores', 'memory', 'memoryLimit', 'received', 'sent'] as const

export class StatsSeries {
  readonly columns: Columns = { at: [], cores: [], memory: [], memoryLimit: [], received: [], sent: [] }
  readonly #samplesMax: number
  #last: Sample | undefined

  constructor({ samplesMax = seriesLimits.samplesMax as number } = {}) {
    this.#samplesMax = samplesMax
  }

  get last(): Sample | undefined {
    return this.#last
  }

  /** The newest of a column that is known of the attempt that runs. */
  newest(name: (typeof names)[number]): number | undefined {
    return this.columns[name].at(-1) ?? undefined
  }

  push(sample: Sample): void {
    const before = this.#last
    const { at } = this.columns
    const atSeconds = sample.atMs / 1_000
    const last = at.at(-1)
    // Clocks of two machines differ; a plot goes on to the right all the same.
    if (last !== undefined && atSeconds <= last && before?.attempt === sample.attempt) return
    const place = last !== undefined && atSeconds <= last ? last + 0.001 : atSeconds
    if (before !== undefined && before.attempt !== sample.attempt)
      this.#add(Math.max((last ?? place) + 0.0005, place - 0.001), {})
    this.#last = sample
    this.#add(place, {
      cores: sample.cores,
      memory: sample.memoryBytes,
      memoryLimit: sample.memoryLimitBytes,
      received: rateOf(before, sample, 'netRxBytes'),
      sent: rateOf(before, sample, 'netTxBytes'),
    })
  }

  #add(at: number, values: Readonly<Partial<Record<(typeof names)[number], number | undefined>>>): void {
    const columns = this.columns
    columns.at.push(at)
    for (const name of names) columns[name].push(values[name] ?? null)
    if (columns.at.length <= this.#samplesMax) return
    columns.at.shift()
    for (const name of names) columns[name].shift()
  }
}

/** Bytes a second between two samples of one attempt. */
function rateOf(before: Sample | undefined, sample: Sample, name: 'netRxBytes' | 'netTxBytes'): number | undefined {
  const from = before?.attempt === sample.attempt ? before[name] : undefined
  const to = sample[name]
  if (from === undefined || to === undefined || before === undefined) return undefined
  return (Math.max(0, to - from) / (sample.atMs - before.atMs)) * 1_000
}

/** Least, most and mean of what is known of a column; undefined if nothing is. */
export function summaryOf(
  column: Column,
): { readonly least: number; readonly most: number; readonly mean: number } | undefined {
  let count = 0
  let sum = 0
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  for (const value of column) {
    if (value === null) continue
    count += 1
    sum += value
    least = Math.min(least, value)
    most = Math.max(most, value)
  }
  return count === 0 ? undefined : { least, most, mean: sum / count }
}
