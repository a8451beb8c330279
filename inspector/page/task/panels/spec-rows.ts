/** A specification as rows for people, in groups; what was not asked for is left out. */
import { affinityLimits } from '../../../../actors/affinity.ts'
import { signedText } from '../../../../actors/comparison.ts'
import type { TaskSpec } from '../../../../actors/model.ts'
import { portText } from '../../../../actors/ports.ts'
import { mask } from '../../../../actors/shown.ts'
import { formatBytes, formatCommand, formatCpus, formatDuration, plural } from '../../ui/format.ts'

export interface SpecRow {
  readonly name: string
  readonly value: string
  /** `masked`: not the value, which nobody is shown. `task`: a task's id. */
  readonly kind: 'text' | 'code' | 'masked' | 'task'
}

export interface SpecGroup {
  readonly title: string
  readonly rows: readonly SpecRow[]
}

const text = (name: string, value: string | undefined): SpecRow[] =>
  value === undefined ? [] : [{ name, value, kind: 'text' }]
const code = (name: string, value: string | undefined): SpecRow[] =>
  value === undefined ? [] : [{ name, value, kind: 'code' }]
const time = (name: string, ms: number | undefined): SpecRow[] =>
  text(name, ms === undefined ? undefined : formatDuration(ms))
const yesNo = (name: string, value: boolean | undefined): SpecRow[] =>
  text(name, value === undefined ? undefined : value ? 'yes' : 'no')

/** The groups that have anything in them, in the order in which one reads them. */
export function specRows(spec: TaskSpec): SpecGroup[] {
  const groups: SpecGroup[] = [
    { title: 'What runs', rows: whatRuns(spec) },
    { title: 'Environment', rows: environment(spec) },
    { title: 'What it asks for', rows: asks(spec) },
    { title: 'Restart', rows: restart(spec) },
    { title: 'Health', rows: health(spec) },
    { title: 'Limits', rows: limits(spec) },
    { title: 'Labels', rows: Object.entries(spec.labels ?? {}).flatMap(([name, value]) => code(name, value)) },
  ]
  return groups.filter(({ rows }) => rows.length > 0)
}

const whatRuns = (spec: TaskSpec): SpecRow[] => [
  ...text('Name', spec.name),
  ...(spec.rerunOf === undefined ? [] : [{ name: 'Runs again', value: spec.rerunOf, kind: 'task' as const }]),
  ...text('Driver', spec.driver),
  ...code('Image', spec.image),
  ...text('Pull', spec.pull),
  ...code('Entrypoint', spec.entrypoint === undefined ? undefined : formatCommand(spec.entrypoint)),
  ...code('Command', spec.command === undefined ? undefined : formatCommand(spec.command)),
  ...code('Folder', spec.workdir),
  ...code('User', spec.user),
  ...code('Network', spec.network),
  ...yesNo('Init', spec.init),
  ...(spec.mounts ?? []).flatMap(({ source, target, readOnly }) =>
    code('Mount', `${source} → ${target}${readOnly ? ' (read only)' : ''}`),
  ),
  ...(spec.tmpfs ?? []).flatMap(({ target, sizeBytes }) =>
    code('In memory', `${target}${sizeBytes === undefined ? '' : ` (${formatBytes(sizeBytes)})`}`),
  ),
  ...yesNo('Read only', spec.readOnly),
]

// Where the token may only look, all values are masked, and those of secrets are for everybody.
const environment = ({ env = {}, secretEnv = {} }: TaskSpec): SpecRow[] =>
  [...Object.entries(env), ...Object.entries(secretEnv)].map(([name, value]) =>
    value === mask ? { name, value: 'masked', kind: 'masked' } : { name, value, kind: 'code' },
  )

const asks = (spec: TaskSpec): SpecRow[] => [
  ...text('CPUs', spec.cpus === undefined ? undefined : formatCpus(spec.cpus)),
  ...text('Memory', spec.memoryBytes === undefined ? undefined : formatBytes(spec.memoryBytes)),
  ...text('Processes', spec.pidsLimit === undefined ? undefined : `at most ${spec.pidsLimit}`),
  ...(spec.ports ?? []).flatMap((port) => code('Port', portText(port))),
  ...(spec.constraints ?? []).flatMap((constraint) => code('Constraint', constraint)),
  ...(spec.affinities ?? []).flatMap(({ expression, weight = affinityLimits.weightDefault }) =>
    code('Affinity', `${expression} (${signedText(weight)})`),
  ),
]

function restart({ restart: policy, disconnect }: TaskSpec): SpecRow[] {
  return [
    ...text('Policy', policy?.policy),
    ...text('At most', policy?.max === undefined ? undefined : plural(policy.max, 'restart')),
    ...time('First delay up to', policy?.backOffMs),
    ...time('Delay at most', policy?.backOffMaxMs),
    ...text('On the same node', policy?.sameNode === undefined ? undefined : plural(policy.sameNode, 'time')),
    ...time('… within', policy?.windowMs),
    ...time('Lost after', disconnect?.lostAfterMs),
    ...time('Cut off, stops after', disconnect?.stopAfterMs),
    ...yesNo('Replaced if lost', disconnect?.replace),
  ]
}

function health({ health: check }: TaskSpec): SpecRow[] {
  if (check === undefined) return []
  const { kind, port, path, command, ...rest } = check
  const what = kind === 'command' ? formatCommand(command ?? []) : `${port ?? ''}${path ?? ''}`
  return [
    ...text('Kind', kind),
    ...code('Check', what === '' ? undefined : what),
    ...Object.entries(rest).flatMap(([name, value]) =>
      name.endsWith('Ms') && typeof value === 'number' ? time(nameOf(name), value) : text(nameOf(name), String(value)),
    ),
  ]
}

const limits = (spec: TaskSpec): SpecRow[] => [
  ...time('Runs at most', spec.timeoutMs),
  ...time('Waits for a node at most', spec.waitTimeoutMs),
  ...time('Between TERM and KILL', spec.stopGraceMs),
]

/** `startPeriodMs` as `Start period`. */
function nameOf(field: string): string {
  const words = field
    .replace(/Ms$/, '')
    .replace(/(?=[A-Z])/g, ' ')
    .toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
