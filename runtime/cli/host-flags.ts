/** The flags of `up`, `manager` and `worker`, and the options that come of them. */
import { type Command, Option } from 'commander'
import { modelLimits, type PortRange } from '../../actors/model.ts'
import { parsePortRange } from '../../actors/port-text.ts'
import { type SchedulerName, schedulerNames } from '../../actors/schedulers/schedulers.ts'
import { parseOrigin } from '../manager/admission.ts'
import type { StorageKind } from '../options.ts'
import { defaultAddress, defaultDataDir } from './address.ts'
import { collect, parseCpus, parsePairs, parsing } from './command.ts'
import { UsageError } from './failure.ts'
import { outputRetentionOf, parseKeptNumber, parseKeptSize, parseKeptTime } from './kept.ts'
import { absoluteFolder } from './mount.ts'
import { parseSize } from './size.ts'

export interface StoreFlags {
  readonly dataDir?: string
  readonly storage: StorageKind
  readonly token?: string
  readonly verbose?: boolean
}

export interface ManagerFlags extends StoreFlags {
  readonly listen: string
  readonly scheduler: SchedulerName
  readonly insecure?: boolean
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly newTerm?: boolean
  readonly keepFinished?: number
  readonly keepFinishedMax?: number
  readonly keepLog?: number
  readonly keepLogSize?: number
  readonly allowOrigin?: readonly string[]
}

export interface OfferFlags {
  readonly name?: string
  readonly label?: readonly string[]
  readonly driver?: readonly string[]
  readonly cpus?: number
  readonly memory?: number
  readonly portRange?: PortRange
  readonly allowMount?: readonly string[]
  readonly keepOutput?: number
  readonly keepOutputMax?: number
  readonly keepOutputSize?: number
}

export const withStoreFlags = (command: Command): Command =>
  command
    .option('--data-dir <folder>', `where everything is kept (env TROUPE_DATA_DIR, default ${defaultDataDir})`)
    .addOption(
      new Option('--storage <kind>', 'where state is kept; memory forgets it all at the end')
        .choices(['rocksdb', 'memory'])
        .default('rocksdb'),
    )
    .option('--verbose', 'log more')

export const withManagerFlags = (command: Command): Command =>
  command
    .option('--listen <host:port>', 'where clients and workers dial in; port 0 = any that is free', defaultAddress)
    .option(
      '--token <token>',
      'what clients and workers must show (env TROUPE_TOKEN, default: random, kept in <data-dir>/token)',
    )
    .option('--new-term', 'take over with a restored data folder, once its former manager is gone for good')
    .addOption(
      new Option(
        '--allow-origin <origin>',
        'pages that may connect from a browser, such as https://app.example; may be repeated',
      ).argParser((text: string, before?: string[]) => collect(parsing(parseOrigin)(text), before)),
    )
    .option('--tls-cert <file>', 'listen with TLS: the certificate, PEM; a renewed one is taken within a minute')
    .option('--tls-key <file>', 'its private key, PEM')
    .option('--insecure', 'allow --listen beyond this machine without TLS')
    .option('--keep-finished <time>', 'how long tasks are kept after their end (default: 7d)', parsing(parseKeptTime))
    .option(
      '--keep-finished-max <number>',
      'how many tasks that have ended are kept (default: 100000)',
      parsing(parseKeptNumber),
    )
    .option('--keep-log <time>', 'how long the history of tasks is kept (default: 7d)', parsing(parseKeptTime))
    .option('--keep-log-size <size>', 'what all history may take, about (default: 1g)', parsing(parseKeptSize))
    .addOption(
      new Option('--scheduler <name>', 'how a node is picked').choices(schedulerNames).default(schedulerNames[0]),
    )

export const withOfferFlags = (command: Command): Command =>
  command
    .option('--name <name>', `the node's name, unique in the cluster (default: the host's name)`, parsing(parseName))
    .option('--label <key=value>', 'a label that constraints of tasks can name; may be repeated', collect)
    .addOption(
      new Option('--driver <name>', 'a driver to offer; may be repeated').argParser((text: string, before?: string[]) =>
        collect(parsing(parseDriver)(text), before),
      ),
    )
    .option('--cpus <number>', 'cores to offer (default: all)', parsing(parseCpus))
    .option('--memory <size>', 'memory to offer, such as 4g (default: all)', parsing(parseSize))
    .option(
      '--port-range <from-to>',
      'where free ports of tasks come from (default: 20000-32767)',
      parsing(parsePortRange),
    )
    .option(
      '--allow-mount <path>',
      'a folder that tasks may mount, with all below it; may be relative to this working directory, and repeated',
      collect,
    )
    .option(
      '--keep-output <time>',
      'how long output is kept once its attempt was removed (default: 7d)',
      parsing(parseKeptTime),
    )
    .option(
      '--keep-output-max <number>',
      'of how many such attempts it is kept, for each driver (default: 10000)',
      parsing(parseKeptNumber),
    )
    .option(
      '--keep-output-size <size>',
      'what it may take together, for each driver (default: 1g)',
      parsing(parseKeptSize),
    )

function parseDriver(text: string): string {
  if (text !== 'docker' && text !== 'process')
    throw new RangeError(`there is no driver "${text}"; there are docker and process`)
  return text
}

/** Of a node. Throws RangeError. */
export function parseName(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(text)) {
    throw new RangeError(`"${text}" is no name of a node; it has 1 to 63 letters, digits, ".", "_" or "-"`)
  }
  return text
}

/**
 * The part of WorkerOptions that says what is offered. Folders that are not absolute are below `cwd`; without
 * `--allow-mount` those that may be mounted are `mounts`. Throws UsageError.
 */
export function offerOf(flags: OfferFlags, cwd: string, mounts: readonly string[]) {
  return {
    ...(flags.name === undefined ? {} : { name: flags.name }),
    labels: labelsOf(flags.label ?? [], '--label'),
    drivers: flags.driver,
    ...(flags.cpus === undefined ? {} : { cpus: flags.cpus }),
    ...(flags.memory === undefined ? {} : { memoryBytes: flags.memory }),
    ...(flags.portRange === undefined ? {} : { portRange: flags.portRange }),
    allowMounts: flags.allowMount?.map((path) => allowedFolder(path, cwd)) ?? mounts,
    ...outputRetentionOf(flags),
  }
}

function allowedFolder(path: string, cwd: string): string {
  try {
    return absoluteFolder(path, cwd)
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`--allow-mount ${error.message}.`) : error
  }
}

const labelName = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$/

/** Labels as a record. Throws UsageError. */
export function labelsOf(texts: readonly string[], flag: string): Record<string, string> {
  const labels = pairsOf(texts, flag)
  for (const name of Object.keys(labels)) {
    if (labelName.test(name)) continue
    throw new UsageError(
      `${flag} "${name}" is no name of a label; it has 1 to 63 letters, digits, ".", "_", "/" or "-".`,
    )
  }
  if (Object.keys(labels).length > modelLimits.labelsMax) {
    throw new UsageError(`There are more than ${modelLimits.labelsMax} labels; a node or task can have no more.`)
  }
  return labels
}

function pairsOf(texts: readonly string[], flag: string): Record<string, string> {
  try {
    return parsePairs(texts, flag)
  } catch (error) {
    throw error instanceof RangeError ? new UsageError(`${error.message}.`) : error
  }
}
