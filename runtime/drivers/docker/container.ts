/** A container as the engine's inspection shows it, cut down to what decides about an attempt. */
import type { ContainerInspectInfo } from 'dockerode'
import type { ContainerHealth } from '../driver.ts'

/**
 * - `created`: never started, or a start is under way (the engine shows no difference).
 * - `failed`: a start was tried and failed; it never ran.
 * - `running`: it runs, or is paused.
 * - `ended`: it ran and ended.
 */
export type ContainerPhase = 'created' | 'failed' | 'running' | 'ended'

export interface ContainerView {
  readonly id: string
  /** Of its first process, on the engine's machine, while it runs. */
  readonly pid?: number
  readonly labels: Readonly<Record<string, string>>
  readonly phase: ContainerPhase
  readonly exitCode: number
  readonly oomKilled: boolean
  /** Whether its memory has a limit, without which the engine never calls it out of memory. */
  readonly hasMemoryLimit: boolean
  /** Whether ports of the node are published for it, which the engine holds a little longer than it lives. */
  readonly publishes: boolean
  /** The engine's sentence about a start that failed; else ''. */
  readonly error: string
  readonly startedAtMs: number | undefined
  readonly finishedAtMs: number | undefined
  /** What asks it to end: the image's own choice, or SIGTERM. */
  readonly stopSignal: string
  readonly init: boolean
  /** What was run by whom in what: two containers with the same text find the same program. */
  readonly program: string
  /** Where the worker reaches its ports: undefined without a network of the kind that has addresses. */
  readonly address: string | undefined
  /** What the engine's check of it says; undefined if it has none. */
  readonly health: ContainerHealth | undefined
}

/** Of what a failed check wrote, in characters. */
const healthCharsMax = 400

/** The engine writes the year 1 for "never". */
function timeMs(text: string): number | undefined {
  const ms = Date.parse(text)
  return ms > 0 ? ms : undefined
}

export function viewOf(info: ContainerInspectInfo): ContainerView {
  const { State: state, Config: config } = info
  const startedAtMs = timeMs(state.StartedAt)
  const path = (config.Env ?? []).filter((entry) => entry.startsWith('PATH='))
  const mounted = info.Mounts.map(({ Source, Destination }) => [Source, Destination])
  return {
    id: info.Id,
    ...(state.Pid > 0 ? { pid: state.Pid } : {}),
    labels: config.Labels ?? {},
    phase: phaseOf(state, startedAtMs),
    exitCode: state.ExitCode,
    oomKilled: state.OOMKilled,
    hasMemoryLimit: (info.HostConfig.Memory ?? 0) > 0,
    publishes: Object.keys((info.HostConfig.PortBindings as object | null) ?? {}).length > 0,
    error: state.Error,
    startedAtMs,
    finishedAtMs: timeMs(state.FinishedAt),
    stopSignal: (config as { StopSignal?: string }).StopSignal || 'SIGTERM',
    init: info.HostConfig.Init === true,
    program: JSON.stringify([info.Image, info.Path, path, config.User, config.WorkingDir, mounted]),
    address: addressOf(info),
    health: healthOf(state),
  }
}

function addressOf({ HostConfig, NetworkSettings }: ContainerInspectInfo): string | undefined {
  if (HostConfig.NetworkMode === 'host') return '127.0.0.1'
  const networks = Object.values(NetworkSettings.Networks ?? {})
  const { IPAddress, GlobalIPv6Address } = networks.find((each) => each.IPAddress || each.GlobalIPv6Address) ?? {}
  return IPAddress || GlobalIPv6Address || undefined
}

function healthOf({ Health }: ContainerInspectInfo['State']): ContainerHealth | undefined {
  const state = Health?.Status
  if (state !== 'starting' && state !== 'healthy' && state !== 'unhealthy') return undefined
  const last = Health?.Log?.at(-1)
  const wrote = last?.Output.replace(/\s+/g, ' ').trim().slice(0, healthCharsMax)
  const detail = last ? `its HEALTHCHECK ended with code ${last.ExitCode}${wrote ? `: ${wrote}` : ''}` : ''
  return { state, detail }
}

function phaseOf(state: ContainerInspectInfo['State'], startedAtMs: number | undefined): ContainerPhase {
  // The engine keeps `Running` true while paused and while its own restart policy waits; we never set one.
  if (state.Running) return 'running'
  if (startedAtMs !== undefined) return 'ended'
  return state.ExitCode !== 0 || state.Error !== '' ? 'failed' : 'created'
}
