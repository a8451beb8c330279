/** What a process has taken of the machine, as Linux says it. */
import { readdirSync, readFileSync } from 'node:fs'

export interface Usage {
  /** Processor time so far, in milliseconds. */
  readonly cpuMs: number
  /** What of it is in memory, in bytes. */
  readonly rssBytes: number
}

/** Of Linux: ticks of processor time in a second, and the bytes of a page. */
const ticksPerSecond = 100
const pageBytes = 4_096

/** Throws if there is no such process. */
export function usageOf(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name of the command comes second, in brackets, and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  return { cpuMs: (ticks * 1_000) / ticksPerSecond, rssBytes: Number(fields[21]) * pageBytes }
}

/** Its part of the memory that it uses, in bytes: what several processes share is divided among them. */
export function pssBytesOf(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')
  return Number(/^Pss: +(\d+) kB/m.exec(rollup)?.[1]) * 1_024
}

/** The processes that it has started and that still run. */
export function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'latin1').split(' ').filter(Boolean).map(Number),
  )
}
