/**
 * What a specification means once its defaults are filled in, and what is wrong with one that its schema lets pass because
 * it takes more than one field to see.
 */
import { faultOfAffinities } from './affinity.ts'
import { faultOfEnvironment } from './environment.ts'
import { faultOfHealth } from './health.ts'
import { modelLimits, type TaskSpec } from './model.ts'
import { faultOfPorts } from './ports.ts'
import { type ResolvedRestart, resolveRestart } from './restart.ts'
import { parseConstraint } from './schedulers/filters.ts'

export const policyDefaults = {
  stopGraceMs: 10_000,
  lostAfterMs: 300_000,
  /** Of a task that may be replaced; any other runs on without its manager for ever. */
  stopAfterMs: 240_000,
  /** Between the worker's end of a cut-off attempt and the manager's giving it up: room for clocks that differ in pace. */
  disconnectMarginMs: 5_000,
} as const

export interface Policies {
  readonly restart: ResolvedRestart
  readonly disconnect: { readonly lostAfterMs: number; readonly stopAfterMs?: number; readonly replace: boolean }
  readonly limits: { readonly stopGraceMs: number; readonly timeoutMs?: number; readonly waitTimeoutMs?: number }
}

/**
 * The policies of a task with their defaults. A longer grace lifts the default of `lostAfterMs` as far as a task that may be
 * replaced needs it, so that who asks for a grace of a minute need not know of the rule that ties the two.
 */
export function resolvePolicies(spec: TaskSpec): Policies {
  const restart = resolveRestart(spec.restart)
  const stopGraceMs = spec.stopGraceMs ?? policyDefaults.stopGraceMs
  const replace = spec.disconnect?.replace ?? restart.policy !== 'never'
  const stopAfterMs = spec.disconnect?.stopAfterMs ?? (replace ? policyDefaults.stopAfterMs : undefined)
  const needsMs = replace ? (stopAfterMs ?? 0) + stopGraceMs + policyDefaults.disconnectMarginMs + 1 : 0
  const lostAfterMs = Math.min(modelLimits.durationMsMax, Math.max(policyDefaults.lostAfterMs, needsMs))
  return {
    restart,
    disconnect: {
      lostAfterMs: spec.disconnect?.lostAfterMs ?? lostAfterMs,
      ...(stopAfterMs === undefined ? {} : { stopAfterMs }),
      replace,
    },
    limits: {
      stopGraceMs,
      ...(spec.timeoutMs === undefined ? {} : { timeoutMs: spec.timeoutMs }),
      ...(spec.waitTimeoutMs === undefined ? {} : { waitTimeoutMs: spec.waitTimeoutMs }),
    },
  }
}

const dockerOnly = [
  'image',
  'pull',
  'entrypoint',
  'network',
  'pidsLimit',
  'mounts',
  'tmpfs',
  'readOnly',
  'init',
] as const

function checkDriver(spec: TaskSpec): string | undefined {
  if (spec.driver === 'docker') {
    if (spec.image === undefined) return 'A docker task needs an image: set image, such as busybox:1.36.'
    if (spec.workdir !== undefined && !spec.workdir.startsWith('/')) {
      return `The workdir of a docker task must be absolute, and ${spec.workdir} is not: begin it with /.`
    }
    return undefined
  }
  // What another driver takes is that driver's to say: it refuses a start with `bad-spec`.
  if (spec.driver !== 'process') return undefined
  const foreign = dockerOnly.find((field) => spec[field] !== undefined)
  if (foreign) return `A process task takes no ${foreign}: leave it out, or set driver to docker.`
  return spec.command?.[0] ? undefined : 'A process task needs a command: its program first, then its arguments.'
}

function checkText(spec: TaskSpec): string | undefined {
  const texts = {
    command: spec.command ?? [],
    entrypoint: spec.entrypoint ?? [],
    env: Object.values(spec.env ?? {}),
    secretEnv: Object.values(spec.secretEnv ?? {}),
    workdir: [spec.workdir],
  }
  for (const [field, values] of Object.entries(texts)) {
    if (values.some((value) => value?.includes('\0')))
      return `The ${field} holds a NUL character, which no program can be given: remove it.`
  }
  return undefined
}

function checkLabels(spec: TaskSpec): string | undefined {
  for (const label of Object.keys(spec.labels ?? {})) {
    if (label.length > modelLimits.labelNameCharsMax)
      return `The label ${label.slice(0, modelLimits.labelNameCharsMax)}… has a name of ${label.length} characters, and may have ${modelLimits.labelNameCharsMax}: shorten it.`
    if (label.startsWith('troupe.'))
      return `The label ${label} is refused: those that begin with troupe. are Troupe's own.`
    if (!/^[^=!\s]+$/.test(label))
      return `The label '${label}' is refused: its name needs a character, and no =, ! or space.`
  }
  const bad = spec.constraints?.find((text) => !parseConstraint(text))
  return bad === undefined
    ? undefined
    : `The constraint '${bad}' is neither label=value nor label!=value: write it as one of them.`
}

/** As an engine reads it: without what says nothing. */
function plainPath(path: string): string {
  const names: string[] = []
  for (const name of path.split('/')) {
    if (name === '..') names.pop()
    else if (name !== '' && name !== '.') names.push(name)
  }
  return `/${names.join('/')}`
}

function checkMounts(spec: TaskSpec): string | undefined {
  const targets = [...(spec.mounts ?? []), ...(spec.tmpfs ?? [])].map(({ target }) => plainPath(target))
  if (targets.includes('/'))
    return "A mount cannot have the target /, the container's own files: name a folder below it."
  const twice = targets.find((target, at) => targets.indexOf(target) !== at)
  return twice === undefined ? undefined : `Two mounts have the target ${twice}: give each its own.`
}

function checkRestart(spec: TaskSpec): string | undefined {
  const { policy, max, backOffMs, backOffMaxMs } = resolvePolicies(spec).restart
  if (policy === 'never' && max !== undefined && max > 0) {
    return 'restart.max means nothing with the policy never: set restart.policy to on-failure or always.'
  }
  if (spec.restart?.backOffMs === undefined || backOffMs <= backOffMaxMs) return undefined
  return `restart.backOffMs (${backOffMs}) is more than its cap, restart.backOffMaxMs (${backOffMaxMs}): raise the cap.`
}

/** A replaced task must have ended on its old node before it is given up there, or two of its attempts would overlap. */
function checkDisconnect(spec: TaskSpec): string | undefined {
  const { disconnect, limits } = resolvePolicies(spec)
  if (!disconnect.replace || disconnect.stopAfterMs === undefined) return undefined
  const { lostAfterMs, stopAfterMs } = disconnect
  const afterMs = limits.stopGraceMs + policyDefaults.disconnectMarginMs
  if (stopAfterMs + afterMs < lostAfterMs) return undefined
  const sum = `disconnect.stopAfterMs (${stopAfterMs}) + stopGraceMs (${limits.stopGraceMs}) + a margin of ${policyDefaults.disconnectMarginMs}`
  const most = lostAfterMs - afterMs - 1
  const next = most < 0 ? 'raise lostAfterMs or lower stopGraceMs' : `set stopAfterMs to ${most} or less`
  return `A task that may be replaced needs ${sum} < disconnect.lostAfterMs (${lostAfterMs}): ${next}, or set disconnect.replace to false.`
}

/**
 * What is wrong with a specification that its schema accepts, as one sentence with the next step; undefined if nothing.
 * The size of the whole (`specBytesMax`) is left to who encodes it.
 */
export function checkSpec(spec: TaskSpec): string | undefined {
  for (const check of [
    checkDriver,
    checkText,
    faultOfEnvironment,
    checkLabels,
    faultOfAffinities,
    faultOfPorts,
    checkMounts,
    checkRestart,
    checkDisconnect,
    faultOfHealth,
  ]) {
    const wrong = check(spec)
    if (wrong !== undefined) return wrong
  }
  return undefined
}
