/** What a driver tells the spawner that it starts, and the names they meet under. */
import type { OutputRetention } from '../../options.ts'
import type { OutputLimits } from './output.ts'

export interface SpawnerSettings extends OutputLimits {
  /** What is kept of the output of removed attempts. Every number is finite, for they go as JSON. */
  readonly retention: OutputRetention
  /** With no task and no driver for this long, in milliseconds, it ends by itself. */
  readonly idleMs: number
}

/** In the driver's folder. */
export const spawnerFiles = {
  /** Locked by the one spawner of the folder; never removed, for a lock on a removed file excludes nobody. */
  lock: 'spawner.lock',
  socket: 'spawner.sock',
  /** What it complains of. */
  log: 'spawner.log',
} as const
