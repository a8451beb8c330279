/** The docker driver: each attempt is one container of a Docker engine. */
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import path from 'node:path'
import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import type { OutputRetention } from '../../options.ts'
import type { Driver, DriverEvent, DriverProbe, DriverScope } from '../driver.ts'
import { outputRetentionDefaults } from '../kept-output.ts'
import { Credentials } from './credentials.ts'
import { defaultDeadlines, Engine, type EngineDeadlines, type EngineError } from './engine.ts'
import { EngineWatch } from './events.ts'
import { Inside } from './exec.ts'
import { keyOf, scopeFilter } from './identity.ts'
import { Images } from './images.ts'
import { KeptContainers } from './kept.ts'
import { localKernel } from './kernel.ts'
import { Logs } from './logs.ts'
import { Removals } from './remove.ts'
import { Reports } from './report.ts'
import { Slots } from './slots.ts'
import { Starts } from './start.ts'
import { Stops } from './stop.ts'

export interface DockerDriverOptions {
  /** The engine's socket. Default: what DOCKER_HOST names, or /var/run/docker.sock. */
  readonly socketPath?: string
  readonly clock: Clock
  readonly logger: Logger
  /** Where outputs are kept once their containers are removed; made if it is not there. */
  readonly outputDir: string
  /** Folders of this machine that tasks may mount, with all below them. */
  readonly allowMounts: readonly string[]
  /** Folders of this machine that no container sees, be they below those. Default: none. */
  readonly hiddenFolders?: readonly string[]
  /** How many containers are created and started at once, 1 or more. Default 6: past that an engine only gets slower. */
  readonly concurrentStarts?: number
  /** What is kept of one attempt's output, in bytes: by the engine, counted in its JSON, and after it. Default 10 MiB. */
  readonly outputBytesMax?: number
  /** What is kept of the output of removed containers. */
  readonly retention?: Partial<OutputRetention> | undefined
  /** Docker's own configuration file. Default: `config.json` in DOCKER_CONFIG or `~/.docker`. */
  readonly dockerConfigPath?: string
  readonly deadlines?: Partial<EngineDeadlines>
  /** How often all containers are inspected, whatever the events say, in milliseconds. Default 30,000. */
  readonly sweepMs?: number
  /** In [0, 1): spreads reconnections. Default: Math.random. */
  readonly roll?: () => number
}

const outputBytesDefault = 10 * 1_024 * 1_024
const concurrentStartsDefault = 6
const sweepDefaultMs = 30_000

/** What exists once the driver knows whose attempts it runs. */
interface Bound {
  readonly scope: DriverScope
  readonly watch: EngineWatch
  readonly starts: Starts
  readonly stops: Stops
  readonly removals: Removals
  readonly logs: Logs
  readonly kept: KeptContainers
  readonly inside: Inside
}

/** A driver over one Docker engine, which need not answer yet. Throws only if DOCKER_HOST cannot be understood. */
export function createDockerDriver(options: DockerDriverOptions): Driver {
  const { clock, outputDir } = options
  const deadlines = { ...defaultDeadlines, ...options.deadlines }
  const engine = new Engine({ socketPath: options.socketPath, clock, deadlines })
  let bound: Bound | undefined
  const now = (): Bound => {
    if (bound === undefined) throw new Error('the docker driver must be bound with watch() first')
    return bound
  }
  return {
    name: 'docker',
    supports: { logs: true, stats: true, exec: true },
    probe: () => probe(engine),
    async watch(scope, listener) {
      if (bound !== undefined) throw new Error('the docker driver is bound already')
      await mkdir(outputDir, { recursive: true, mode: 0o700 })
      bound = bind(options, engine, scope, listener)
      bound.kept.begin()
      await bound.watch.begin()
    },
    start: async (key, spec, signal) => now().starts.start(key, spec, signal),
    stop: async (key, graceMs) => now().stops.stop(key, graceMs),
    remove: async (key) => now().removals.remove(key),
    async list() {
      const { scope } = now()
      const containers = await engine.list(scopeFilter(scope))
      return containers.flatMap(({ Labels }) => keyOf(scope, Labels) ?? [])
    },
    logs: (key, { follow, signal }) => now().logs.read(key, follow, signal),
    keeps: async (key) => now().logs.exists(key),
    address: async (key) => now().inside.address(key),
    exec: async (key, request) => now().inside.exec(key, request),
    health: async (key) => now().inside.health(key),
    stats: async (key) => now().inside.stats(key),
    async close() {
      bound?.watch.close()
      bound?.kept.close()
      engine.close()
    },
  }
}

async function probe(engine: Engine): Promise<DriverProbe> {
  try {
    return { state: 'complete', detail: `Docker engine ${await engine.version()} at ${engine.address}` }
  } catch (error) {
    return { state: 'unavailable', detail: (error as EngineError).message }
  }
}

function bind(
  options: DockerDriverOptions,
  engine: Engine,
  scope: DriverScope,
  listener: (event: DriverEvent) => void,
): Bound {
  const { clock, logger, outputDir } = options
  const outputBytesMax = options.outputBytesMax ?? outputBytesDefault
  const reports = new Reports({ scope, listener, engine, clock, kernel: localKernel })
  const { roll = Math.random, sweepMs = sweepDefaultMs } = options
  const watch = new EngineWatch({ engine, reports, clock, logger, roll, sweepMs })
  const configPath =
    options.dockerConfigPath ?? path.join(process.env.DOCKER_CONFIG ?? path.join(homedir(), '.docker'), 'config.json')
  const credentials = new Credentials({ configPath, clock, helperMs: engine.deadlines.credentialsMs })
  const images = new Images({ engine, credentials, clock })
  const slots = new Slots(options.concurrentStarts ?? concurrentStartsDefault)
  const { allowMounts, hiddenFolders = [] } = options
  const policy = { allowMounts, hiddenFolders, outputBytesMax }
  const retention = { ...outputRetentionDefaults, ...options.retention }
  const kept = new KeptContainers({ outputDir, retention, clock, logger })
  const starts = new Starts({ engine, reports, watch, images, slots, clock, kept, policy })
  return {
    scope,
    watch,
    kept,
    starts,
    stops: new Stops({ engine, reports, watch, starts, clock, logger }),
    removals: new Removals({ engine, reports, watch, kept, clock, logger, outputDir, outputBytesMax }),
    logs: new Logs({ engine, reports, watch, clock, outputDir }),
    inside: new Inside({ engine, scope, clock }),
  }
}
