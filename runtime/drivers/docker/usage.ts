/** What the engine says that a container uses, in our words. The engine's: https://docs.docker.com/reference/api/engine/ */
import type { AttemptStats } from '../../../actors/usage.ts'

/** The part of the engine's answer that is read. Of a container that does not run most of it is empty. */
export interface ContainerStats {
  /** When it was measured, as RFC 3339; the year 1 if it was not. */
  readonly read?: string
  /** In nanoseconds. */
  readonly cpu_stats?: { readonly cpu_usage?: { readonly total_usage?: number } }
  readonly memory_stats?: {
    readonly usage?: number
    readonly limit?: number
    readonly stats?: Readonly<Record<string, number>>
  }
  /** Absent without a network of its own. */
  readonly networks?: Readonly<Record<string, { readonly rx_bytes?: number; readonly tx_bytes?: number }>>
  readonly pids_stats?: { readonly current?: number }
}

const nanosecondsPerMs = 1_000_000

/** Undefined if nothing of it runs. `nowMs`: for an engine that does not say when it measured. */
export function usageOf(stats: ContainerStats, nowMs: number): AttemptStats | undefined {
  const totalNs = stats.cpu_stats?.cpu_usage?.total_usage ?? 0
  const { usage, limit } = stats.memory_stats ?? {}
  if (totalNs === 0 && usage === undefined) return undefined
  const readMs = Date.parse(stats.read ?? '')
  const networks = stats.networks && Object.values(stats.networks)
  const pids = stats.pids_stats?.current
  return {
    atMs: readMs > 0 ? readMs : nowMs,
    cpuMs: totalNs / nanosecondsPerMs,
    memoryBytes: whole((usage ?? 0) - cacheOf(stats)),
    // An engine that knows no limit tells the largest number that it has, which is no number of ours.
    ...(limit !== undefined && limit > 0 && limit <= 2 ** 50 ? { memoryLimitBytes: whole(limit) } : {}),
    ...(networks === undefined
      ? {}
      : {
          netRxBytes: whole(networks.reduce((sum, { rx_bytes = 0 }) => sum + rx_bytes, 0)),
          netTxBytes: whole(networks.reduce((sum, { tx_bytes = 0 }) => sum + tx_bytes, 0)),
        }),
    ...(pids === undefined ? {} : { pids: whole(pids) }),
  }
}

/** Files that the kernel keeps for it and gives up when memory is needed, counted as `docker stats` does: cgroup v1, then v2. */
function cacheOf({ memory_stats: memory }: ContainerStats): number {
  const { total_inactive_file: v1, inactive_file: v2 } = memory?.stats ?? {}
  const cache = v1 ?? v2 ?? 0
  return cache < (memory?.usage ?? 0) ? cache : 0
}

const whole = (amount: number): number => Math.max(0, Math.round(amount))
