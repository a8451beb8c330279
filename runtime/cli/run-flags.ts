/** The flags of `troupe run`, and the specification that comes of them. */
import { type Command, Option } from 'commander'
import { parseAffinity } from '../../actors/affinity-text.ts'
import type { Affinity, RestartPolicy, TaskSpec } from '../../actors/model.ts'
import { parsePortMapping } from '../../actors/port-text.ts'
import type { Port } from '../../actors/ports.ts'
import type { AddressFlags } from './address.ts'
import { collect, parseCpus, parseWhole, parsing } from './command.ts'
import { parseDuration } from './duration.ts'
import { UsageError } from './failure.ts'
import { flagOfHealth, type HealthFlags, healthFlags, healthOf } from './health-flags.ts'
import { labelsOf } from './host-flags.ts'
import type { Io } from './io.ts'
import { parseSize } from './size.ts'
import { dockerOnly, findFault, type SpecFault } from './spec-check.ts'
import { parseTaskId } from './task-id.ts'
import { type VariableFlags, variableFlags, variablesOf } from './variable-flags.ts'
import { flagOfVolume, type VolumeFlags, volumeFlags, volumesOf } from './volume-flags.ts'

/** What says how to run, not what. */
export interface RunFlags extends AddressFlags, SpecFlags {
  readonly file?: string
  readonly id?: string
  readonly detach?: boolean
  readonly interactive?: boolean
}

export interface SpecFlags extends HealthFlags, VariableFlags, VolumeFlags {
  readonly name?: string
  readonly driver?: string
  readonly workdir?: string
  readonly user?: string
  readonly entrypoint?: string
  readonly cpus?: number
  readonly memory?: number
  readonly pidsLimit?: number
  readonly label?: readonly string[]
  readonly constraint?: readonly string[]
  readonly affinity?: readonly Affinity[]
  readonly restart?: RestartPolicy['policy']
  readonly maxRestarts?: number
  readonly sameNode?: number
  readonly restartWindow?: number
  readonly timeout?: number
  readonly waitTimeout?: number
  readonly stopTimeout?: number
  readonly port?: readonly Port[]
  readonly network?: string
  readonly pull?: NonNullable<TaskSpec['pull']>
}

const specFlags: readonly Option[] = [
  new Option('--name <name>', 'a name for people'),
  new Option('--driver <driver>', 'what runs it: docker (default), process, or one of your own that a node offers'),
  new Option('-w, --workdir <path>', 'the working directory'),
  new Option('-u, --user <user>', 'the user it runs as'),
  new Option('--entrypoint <command>', `docker: instead of the image's; an empty one clears it`),
  new Option('--cpus <number>', 'cores to reserve, such as 0.5').argParser(parsing(parseCpus)),
  new Option('-m, --memory <size>', 'memory to reserve, such as 64m or 1g').argParser(parsing(parseSize)),
  new Option('--pids-limit <number>', 'docker: the most processes at once').argParser(parsing(parseWhole)),
  new Option('-l, --label <key=value>', 'a label; may be repeated').argParser(collect),
  new Option('--constraint <expression>', 'label=value or label!=value of the node; may be repeated').argParser(
    collect,
  ),
  new Option(
    '--affinity <expression[:weight]>',
    'the same as a wish: of 1 to 100 (default 50), or from -1 to -100 for what is better avoided; may be repeated',
  ).argParser((text: string, before: readonly Affinity[] = []) => [...before, parsing(parseAffinity)(text)]),
  ...volumeFlags,
  new Option('--restart <policy>', 'when to try again (default never)').choices(['never', 'on-failure', 'always']),
  new Option('--max-restarts <number>', 'try again at most so often').argParser(parsing(parseWhole)),
  new Option('--same-node <number>', 'restarts on the node where it failed, then elsewhere (default 2)').argParser(
    parsing(parseWhole),
  ),
  new Option('--restart-window <duration>', 'how long those count (default 30m)').argParser(parsing(parseDuration)),
  new Option('--timeout <duration>', 'the longest an attempt may run, such as 10m').argParser(parsing(parseDuration)),
  new Option('--wait-timeout <duration>', 'the longest it may wait for a node').argParser(parsing(parseDuration)),
  new Option('--stop-timeout <duration>', 'between TERM and KILL (default 10s)').argParser(parsing(parseDuration)),
  new Option(
    '-p, --port <[address:][host:]target[/protocol]>',
    'a port of the task, at that port of its node or a free one; may be repeated',
  ).argParser((text: string, before: readonly Port[] = []) => [...before, parsing(parsePortMapping)(text)]),
  new Option('--network <network>', 'docker: bridge, host, none or a name'),
  new Option('--pull <when>', 'docker: when to pull the image').choices(['missing', 'always', 'never']),
  ...healthFlags,
]

export function withRunFlags(command: Command): Command {
  return withTaskFlags(
    command
      .option('-d, --detach', 'print the id and go')
      .option('-i, --interactive', 'says that stdin of a task is /dev/null'),
  )
}

/** What describes a task, by flags or by a file. */
export function withTaskFlags(command: Command): Command {
  command
    .option('-f, --file <file>', 'the task in a file, YAML or JSON; - reads stdin')
    .option(
      '--id <id>',
      'the id of the task (default: random); running it again with the same is harmless',
      parsing(parseTaskId),
    )
  for (const option of [...variableFlags, ...specFlags]) command.addOption(option)
  return command
}

/**
 * The first flag of a specification that was given: with a file they would have two meanings. Variables add to those of a
 * file, which is no place for secrets.
 */
export function givenSpecFlag(flags: RunFlags): string | undefined {
  return specFlags.find((option) => flags[option.attributeName() as keyof RunFlags] !== undefined)?.long
}

const flagOfField: Readonly<Record<string, string>> = {
  memoryBytes: '--memory',
  pidsLimit: '--pids-limit',
  labels: '--label',
  constraints: '--constraint',
  affinities: '--affinity',
  ...flagOfVolume,
  env: '--env',
  secretEnv: '--secret-env',
  ports: '--port',
  timeoutMs: '--timeout',
  waitTimeoutMs: '--wait-timeout',
  stopGraceMs: '--stop-timeout',
  image: 'the image',
  command: 'the command',
  'restart.max': '--max-restarts',
  'restart.sameNode': '--same-node',
  'restart.windowMs': '--restart-window',
  ...flagOfHealth,
  health: 'the health check',
}

/** `verb` is the command whose help says more. Throws UsageError with the flag that is wrong. */
export function specFromFlags(
  flags: SpecFlags,
  words: readonly string[],
  maker: Pick<Io, 'env' | 'cwd'>,
  verb: string,
): TaskSpec {
  const driver = flags.driver ?? 'docker'
  const [image, ...rest] = words
  const command = driver === 'docker' ? rest : [...words]
  const spec = {
    driver,
    ...(driver === 'docker' && image !== undefined ? { image } : {}),
    ...(command.length > 0 ? { command } : {}),
    ...given({
      name: flags.name,
      pull: flags.pull,
      entrypoint: flags.entrypoint === undefined ? undefined : flags.entrypoint === '' ? [] : [flags.entrypoint],
      ...variablesOf(flags, maker),
      workdir: flags.workdir,
      user: flags.user,
      network: flags.network,
      cpus: flags.cpus,
      memoryBytes: flags.memory,
      pidsLimit: flags.pidsLimit,
      ...volumesOf(flags, maker.cwd),
      ports: flags.port,
      labels: flags.label && labelsOf(flags.label, '--label'),
      constraints: flags.constraint,
      affinities: flags.affinity,
      restart: restartOf(flags),
      timeoutMs: flags.timeout,
      waitTimeoutMs: flags.waitTimeout,
      stopGraceMs: flags.stopTimeout,
      health: healthOf(flags),
    }),
  }
  return checked(spec, verb, findForeign(spec))
}

/** A specification from a file, with the variables of the flags beside it. Throws UsageError with the flag that is wrong. */
export function withVariables(
  spec: TaskSpec,
  flags: VariableFlags,
  maker: Pick<Io, 'env' | 'cwd'>,
  verb: string,
): TaskSpec {
  const { env, secretEnv } = variablesOf(flags, maker)
  const whole = {
    ...spec,
    ...(env && { env: { ...spec.env, ...env } }),
    ...(secretEnv && { secretEnv: { ...spec.secretEnv, ...secretEnv } }),
  }
  return checked(whole, verb)
}

function checked(spec: Readonly<Record<string, unknown>>, verb: string, foreign?: SpecFault): TaskSpec {
  const fault = findFault(spec) ?? foreign
  if (!fault) return spec as TaskSpec
  const name = flagOfField[fault.path.slice(0, 2).join('.')] ?? flagOfField[fault.path[0] ?? ''] ?? `--${fault.path[0]}`
  const next = fault.path[0] === 'image' || fault.path[0] === 'command' ? ` See "troupe ${verb} --help".` : ''
  throw new UsageError(`${name} ${fault.message}.${next}`)
}

// In a file an application's own driver may make of these what it likes; as flags they are docker's.
function findForeign(spec: Readonly<Record<string, unknown>>): SpecFault | undefined {
  const foreign = spec.driver === 'docker' ? undefined : dockerOnly.find((field) => spec[field] !== undefined)
  return foreign && { path: [foreign], message: 'is only for the docker driver' }
}

function given(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

function restartOf({ restart, maxRestarts, sameNode, restartWindow }: SpecFlags): RestartPolicy | undefined {
  const rules = given({ max: maxRestarts, sameNode, windowMs: restartWindow })
  if (restart === undefined || restart === 'never') {
    const flag = flagOfField[`restart.${Object.keys(rules)[0]}`]
    if (flag) throw new UsageError(`${flag} needs --restart on-failure or --restart always.`)
  }
  return restart && { policy: restart, ...rules }
}
