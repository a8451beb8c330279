/** A manager and a worker out of parts that were chosen, and the choice of the usual ones: what all roots share. */
import { existsSync } from 'node:fs'
import { cpus, hostname, totalmem } from 'node:os'
import { join } from 'node:path'
import type { PortRange } from '../actors/model.ts'
import { portLimits, portRangeDefault, rangeText } from '../actors/ports.ts'
import { TroupeError } from '../actors/protocol/errors.ts'
import { frameLimits } from '../actors/protocol/frame.ts'
import type { Transport, TransportLimits } from '../transport/transport.ts'
import type { Clock } from './clock.ts'
import type { Driver } from './drivers/driver.ts'
import { createMachineGauge } from './gauge/machine.ts'
import { readMachineId } from './gauge/machine-id.ts'
import { createNodeProber } from './health/node.ts'
import { formatVersion } from './host/keys.ts'
import type { WorkerMetrics } from './host/metrics.ts'
import { createPages } from './http/pages.ts'
import { loadInspector } from './inspector-files.ts'
import type { Logger } from './logger.ts'
import { ManagerHost, type ManagerHostOptions } from './manager/manager.ts'
import type { OpenedWorker, OutputRetention, StorageKind } from './options.ts'
import type { Random } from './random.ts'
import { createMemoryStorage } from './storage/memory.ts'
import type { Storage } from './storage/storage.ts'
import { version } from './version.ts'
import { WorkerHost } from './worker/worker.ts'

export const transportLimits: TransportLimits = {
  frameBytesMax: frameLimits.frameBytesMax,
  frameDepthMax: frameLimits.frameDepthMax,
  sendBufferBytesHigh: 1_024 * 1_024,
  sendBufferBytesMax: frameLimits.sendBufferBytesMax,
}

/** The memory network's one address; nobody outside the process can dial it. */
export const innerAddress = 'this-process:1'

export async function openStorage(kind: StorageKind, dir: string, logger: Logger): Promise<Storage> {
  if (kind === 'memory') return createMemoryStorage()
  const { openRocksdbStorage } = await import('./storage/rocksdb.ts')
  return openRocksdbStorage({ dir, logger, format: formatVersion })
}

/** What can go wrong for good, as a promise that only ever rejects. */
function failure(): { failed: Promise<never>; fail: (error: Error) => void } {
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // Who does not listen is told by what comes of it.
  failed.catch(() => {})
  return { failed, fail }
}

export interface StartedManager {
  readonly host: ManagerHost
  /** Rejects when it cannot go on. Never resolves. */
  readonly failed: Promise<never>
}

/** The store is the manager's from now on: it is closed with it, and if it cannot start. */
export async function startManager(
  parts: Omit<ManagerHostOptions, 'version' | 'serve' | 'onFailure'>,
): Promise<StartedManager> {
  const { failed, fail } = failure()
  const host = new ManagerHost({ ...parts, version, serve: createPages(loadInspector), onFailure: fail })
  try {
    await host.start()
  } catch (error) {
    await parts.storage.close().catch(() => {})
    throw error
  }
  return { host, failed }
}

/** What a worker's machine offers to tasks. */
export interface Offer {
  /** For people, unique in the cluster. Default: the machine's host name. */
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Cores to offer. Default: what the machine has. */
  readonly cpus?: number
  /** Bytes of memory to offer. Default: what the machine has. */
  readonly memoryBytes?: number
  /**
   * Where the ports come from that a task has free, both ends included, 1 to 65,535. Default 20,000 to 32,767, below those that
   * Linux gives to outgoing connections. Give two workers of one machine ranges that do not overlap.
   */
  readonly portRange?: PortRange
}

export interface WorkerParts {
  readonly offer: Offer
  /** Its folder, whose file system its machine's use of disk is told of; absent: none is. */
  readonly dir?: string | undefined
  readonly storage: Storage
  readonly transport: Transport
  readonly managerUrl: string
  readonly token: string
  readonly drivers: ReadonlyMap<string, Driver>
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
}

export interface StartedWorker extends OpenedWorker {
  metrics(): WorkerMetrics
}

/** The store and the drivers are the worker's from now on: they are closed with it, and if it cannot start. */
export async function startWorker({ offer, dir, ...parts }: WorkerParts): Promise<StartedWorker> {
  const { failed, fail } = failure()
  const name = offer.name ?? nameOfMachine()
  const whole = { cpus: cpus().length, memoryBytes: totalmem() }
  const id = await readMachineId()
  const closeParts = async () => {
    await parts.storage.close()
    for (const driver of parts.drivers.values()) await driver.close()
  }
  let host: WorkerHost
  try {
    host = new WorkerHost({
      ...parts,
      drivers: new Map(parts.drivers),
      prober: createNodeProber(),
      gauge: createMachineGauge(dir),
      registration: {
        name,
        resources: { cpus: offer.cpus ?? whole.cpus, memoryBytes: offer.memoryBytes ?? whole.memoryBytes },
        labels: { ...offer.labels },
        ports: portRangeOf(offer.portRange),
        ...(id === undefined ? {} : { machine: { id, resources: whole } }),
      },
      version,
      onFailure: fail,
    })
    await host.start()
  } catch (error) {
    await closeParts().catch(() => {})
    throw error
  }
  const close = async () => {
    await host.stop()
    await closeParts()
  }
  return { name, nodeId: host.nodeId, connected: host.connected, close, failed, metrics: () => host.metrics() }
}

/** Throws TroupeError `Invalid` for what is no range of ports. */
function portRangeOf({ from, to }: PortRange = portRangeDefault): PortRange {
  const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= portLimits.portMax
  if (isPort(from) && isPort(to) && from <= to) return { from, to }
  const message = `${rangeText({ from, to })} is no range of ports; both ends are 1 to ${portLimits.portMax}, the lower one first`
  throw new TroupeError('Invalid', message)
}

/** What the drivers that come with Troupe need. */
export interface DriverPlace {
  /** The worker's folder. */
  readonly dir: string
  /** That of all that Troupe keeps, which no container may see: tokens and secrets are in it. */
  readonly dataDir: string
  readonly allowMounts: readonly string[]
  readonly outputRetention?: Partial<OutputRetention> | undefined
  readonly clock: Clock
  readonly logger: Logger
}

async function openDocker({ dir, dataDir, allowMounts, outputRetention, clock, logger }: DriverPlace): Promise<Driver> {
  const { createDockerDriver } = await import('./drivers/docker/driver.ts')
  const hiddenFolders = [dataDir]
  const outputDir = join(dir, 'docker')
  return createDockerDriver({ clock, logger, outputDir, retention: outputRetention, allowMounts, hiddenFolders })
}

async function openProcess({ dir, outputRetention, clock, logger }: DriverPlace): Promise<Driver> {
  const { createProcessDriver } = await import('./drivers/process/driver.ts')
  const folder = join(dir, 'process')
  return createProcessDriver({ dir: folder, retention: outputRetention, clock, logger, defaultWorkdir: process.cwd() })
}

/** A driver that comes with Troupe. Rejects with TroupeError `Invalid` for a name that none of them has. */
export async function openDriver(name: string, place: DriverPlace): Promise<Driver> {
  if (name === 'docker') return openDocker(place)
  if (name === 'process') return openProcess(place)
  throw new TroupeError('Invalid', `there is no driver "${name}"; there are docker and process`)
}

/**
 * Docker, if an engine answers, or if this worker has offered it before: its containers may still run, and only the engine
 * can say so once it is back. The folder is made before the first of them is.
 */
export async function findDocker(place: DriverPlace): Promise<Driver | undefined> {
  const { dir, logger } = place
  const docker = await openDocker(place)
  const probe = await docker.probe()
  const wasOffered = existsSync(join(dir, 'docker'))
  if (probe.state === 'complete') return docker
  if (wasOffered) {
    const advice = 'its containers are left as they are until it answers; to do without, name the drivers with --driver'
    logger.warn(`docker is unavailable: ${probe.detail}; ${advice}`)
    return docker
  }
  await docker.close()
  logger.info(`docker is left out: ${probe.detail}`)
  return undefined
}

/** A host's name as a node may be called. */
function nameOfMachine(): string {
  const name = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
  return /^[A-Za-z0-9]/.test(name) ? name : 'node'
}
