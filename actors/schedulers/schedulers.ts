/** The schedulers that come with Troupe, by the names that `--scheduler` and the API take. A new one is one line here. */
import { binpack } from './binpack.ts'
import { epvm } from './epvm.ts'
import { roundRobin } from './round-robin.ts'
import type { Scheduler } from './scheduler.ts'
import { spread } from './spread.ts'

export const schedulers = { 'round-robin': roundRobin, epvm, binpack, spread } as const

/** One of Troupe's own schedulers. */
export type SchedulerName = keyof typeof schedulers

export const schedulerNames = Object.keys(schedulers) as SchedulerName[]

/** All of them, where what each remembers does not matter. */
export const allSchedulers = Object.values(schedulers) as readonly Scheduler[]

/** The one of this name; undefined if there is none. */
export const schedulerNamed = (name: string): Scheduler | undefined =>
  Object.hasOwn(schedulers, name) ? (schedulers[name as SchedulerName] as Scheduler) : undefined
