/** Amounts of a machine, compared and added exactly, and said to people. */
import type { Resources } from '../model.ts'

const units = [
  { bytes: 1_024 ** 4, name: 'TiB' },
  { bytes: 1_024 ** 3, name: 'GiB' },
  { bytes: 1_024 ** 2, name: 'MiB' },
  { bytes: 1_024, name: 'KiB' },
] as const

/**
 * Cores as whole millionths, because sums of fractions drift: ten times 0.1 has to fit into 1. It rounds down, so that n
 * tasks of 1/n fit as well; the thousandth of a unit makes up for the error of the multiplication (0.29 × 10^6 is a little
 * less than 290,000). What is not 0 stays at least 1.
 */
export const microCpus = (cpus: number): number => (cpus <= 0 ? 0 : Math.max(1, Math.floor(cpus * 1e6 + 1e-3)))

export const addResources = (a: Resources, b: Resources): Resources => ({
  cpus: (microCpus(a.cpus) + microCpus(b.cpus)) / 1e6,
  memoryBytes: a.memoryBytes + b.memoryBytes,
})

/** `a` without `b`; never below 0, for a machine may come back offering less than is reserved on it. */
export const subtractResources = (a: Resources, b: Resources): Resources => ({
  cpus: Math.max(0, microCpus(a.cpus) - microCpus(b.cpus)) / 1e6,
  memoryBytes: Math.max(0, a.memoryBytes - b.memoryBytes),
})

/** Whether both amounts of `part` are within those of `whole`. */
export const isWithin = (part: Resources, whole: Resources): boolean =>
  microCpus(part.cpus) <= microCpus(whole.cpus) && part.memoryBytes <= whole.memoryBytes

/** `1 cpu`, `0.5 cpus`. */
export function cpusText(cpus: number): string {
  const rounded = microCpus(cpus) / 1e6
  return `${rounded} ${rounded === 1 ? 'cpu' : 'cpus'}`
}

/**
 * `512 MiB`, `1.5 GiB`, to at most one decimal. What is asked is rounded up and what is there is rounded down, so that
 * a refusal never reads as if it should have fitted.
 */
export function memoryText(bytes: number, round: 'up' | 'down'): string {
  const unit = units.find((candidate) => bytes >= candidate.bytes)
  if (!unit) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  const tenths = (bytes / unit.bytes) * 10
  return `${(round === 'up' ? Math.ceil(tenths) : Math.floor(tenths)) / 10} ${unit.name}`
}
