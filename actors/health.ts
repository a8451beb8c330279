/**
 * Health checks: what a user asks for, what a worker found, and the rule between the two. Pure: the worker makes the
 * probes and asks `judge` what each of them means.
 *
 *   starting ──passed──▶ healthy ◀──passed── unhealthy ──failed `retries` times in a row──▶ failed
 *       │                   └────failed─────────▲
 *       └──failed, once the start period is over┘
 */
import { type Static, Type } from 'typebox'
import { TimeMs, whole } from './limits.ts'
import type { TaskSpec } from './model.ts'

export const healthLimits = {
  /** The shortest time between two checks, in milliseconds: each may cost a process. */
  intervalMsMin: 100,
  /** The longest period, interval and time-out, in milliseconds: a day. */
  durationMsMax: 86_400_000,
  retriesMax: 1_000,
  pathCharsMax: 2_048,
  commandArgsMax: 256,
  commandCharsMax: 32_768,
  /** Of what a failed check said, in characters. */
  detailCharsMax: 512,
} as const

export const healthDefaults = {
  startPeriodMs: 10_000,
  intervalMs: 10_000,
  timeoutMs: 5_000,
  retries: 3,
  /** Within the start period, so that what is ready early is known to be: the most between two checks, in milliseconds. */
  startIntervalMs: 1_000,
} as const

const PeriodMs = Type.Integer({ minimum: 0, maximum: healthLimits.durationMsMax })

export const healthKinds = ['http', 'tcp', 'command', 'container'] as const

/** How it is found out whether a running task is well. */
export const HealthCheck = Type.Object({
  /**
   * `http`: a GET is answered in time, with a status of 200 to 399 or the one in `expect`. `tcp`: a connection is accepted.
   * `command`: it ends with 0, run inside the container, or beside the process with its environment, folder and user.
   * `container`: what the engine says of the HEALTHCHECK of the image.
   */
  kind: Type.Enum([...healthKinds]),
  /** http and tcp: the port inside the container, or on the machine for a process. */
  port: Type.Optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
  /** http: the path with its query. Default `/`. */
  path: Type.Optional(Type.String({ pattern: '^/[!-~]*$', maxLength: healthLimits.pathCharsMax })),
  /** http: the one status that counts as well. */
  expect: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
  /** command: the program and its arguments. */
  command: Type.Optional(
    Type.Array(Type.String({ maxLength: healthLimits.commandCharsMax }), {
      minItems: 1,
      maxItems: healthLimits.commandArgsMax,
    }),
  ),
  /** How long after its start a failed check counts for nothing, in milliseconds, unless one has passed. Default 10,000. */
  startPeriodMs: Type.Optional(PeriodMs),
  /** From the end of one check to the next, in milliseconds. Default 10,000. */
  intervalMs: Type.Optional(Type.Integer({ minimum: healthLimits.intervalMsMin, maximum: healthLimits.durationMsMax })),
  /** The longest that one check may take, in milliseconds. Default 5,000. */
  timeoutMs: Type.Optional(Type.Integer({ minimum: 1, maximum: healthLimits.durationMsMax })),
  /** So many failed checks in a row, and it is stopped; the restart policy decides on the rest. Default 3. */
  retries: Type.Optional(Type.Integer({ minimum: 1, maximum: healthLimits.retriesMax })),
})
export type HealthCheck = Static<typeof HealthCheck>

export const healthStates = ['starting', 'healthy', 'unhealthy', 'failed'] as const

/** How well an attempt is. `failed` is the last word on it: it is to be stopped. */
export const Health = Type.Object({
  /** Grows with each change of an attempt's health, from 1; 0 while it is starting. A lower one is old news. */
  seq: whole(0),
  /** One of the four. */
  state: Type.Enum([...healthStates]),
  /** Since when, by the worker's clock. */
  atMs: TimeMs,
  /** Failed checks in a row when it became so; 0 while it is well. */
  failures: whole(0),
  /** What the newest failed check found. */
  detail: Type.Optional(Type.String({ maxLength: healthLimits.detailCharsMax })),
})
export type Health = Static<typeof Health>

/** The times of a check with its defaults. */
export function healthTimes(check: HealthCheck) {
  const { startPeriodMs, intervalMs, timeoutMs, retries } = { ...healthDefaults, ...check }
  return { startPeriodMs, intervalMs, timeoutMs, retries }
}

/** What one check came to. `isLast`: who made it has counted already. */
export type Probed =
  | { readonly passed: true }
  | { readonly passed: false; readonly detail: string; readonly isLast?: boolean }

/**
 * How well it is after one more check. Undefined: it is still starting.
 * @param isStarting whether its start period lasts at this moment
 */
export function judge(
  before: Health | undefined,
  probed: Probed,
  { check, atMs, isStarting }: { readonly check: HealthCheck; readonly atMs: number; readonly isStarting: boolean },
): Health | undefined {
  const seq = (before?.seq ?? 0) + 1
  if (probed.passed) return before?.state === 'healthy' ? before : { seq, state: 'healthy', atMs, failures: 0 }
  if (before === undefined && isStarting && probed.isLast !== true) return undefined
  const failures = (before?.failures ?? 0) + 1
  const state = probed.isLast === true || failures >= healthTimes(check).retries ? 'failed' : 'unhealthy'
  const since = before?.state === state ? { seq: before.seq, atMs: before.atMs } : { seq, atMs }
  return { ...since, state, failures, detail: probed.detail.slice(0, healthLimits.detailCharsMax) }
}

/** What is wrong with the health check of a specification that its schema accepts, as one sentence. */
export function faultOfHealth({ driver, network, health }: TaskSpec): string | undefined {
  if (health === undefined) return undefined
  const { kind } = health
  const isOverNetwork = kind === 'http' || kind === 'tcp'
  if (isOverNetwork && health.port === undefined) return `A health check by ${kind} needs a port: set health.port.`
  if (!isOverNetwork && health.port !== undefined) return `A health check by ${kind} takes no port: leave it out.`
  if (kind !== 'http' && (health.path !== undefined || health.expect !== undefined)) {
    return `A health check by ${kind} takes neither path nor expect: leave them out, or set health.kind to http.`
  }
  if (kind === 'command' && !health.command?.[0]) return 'A health check by command needs one: set health.command.'
  if (kind !== 'command' && health.command !== undefined) {
    return `A health check by ${kind} takes no command: leave it out, or set health.kind to command.`
  }
  if (health.command?.some((word) => word.includes('\0'))) {
    return 'The health.command holds a NUL character, which no program can be given: remove it.'
  }
  if (kind === 'container' && driver !== 'docker') {
    return 'Only a docker task has a container with a check of its own: choose http, tcp or command.'
  }
  if (isOverNetwork && driver === 'docker' && network === 'none') {
    return `A container without a network cannot be checked by ${kind}: choose command, or give it a network.`
  }
  return undefined
}
