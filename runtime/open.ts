/**
 * The roots: where ports get their adapters. Docker and RocksDB are loaded only when they are asked for.
 */
import { existsSync } from 'node:fs'
import { cpus, hostname, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { TroupeError } from '../actors/protocol/errors.ts'
import { frameLimits } from '../actors/protocol/frame.ts'
import { createMemoryTransport } from '../transport/memory.ts'
import type { Transport, TransportLimits } from '../transport/transport.ts'
import { createWebsocketTransport } from '../transport/websocket.ts'
import { copyWriter } from './copy.ts'
import type { Driver } from './drivers/driver.ts'
import { createNodeProber } from './health/node.ts'
import { formatVersion } from './host/keys.ts'
import type { Logger } from './logger.ts'
import { parseOrigin } from './manager/admission.ts'
import { ManagerHost } from './manager/manager.ts'
import type {
  ManagerOptions,
  OpenedManager,
  OpenedUp,
  OpenedWorker,
  StorageKind,
  UpOptions,
  WorkerOptions,
} from './options.ts'
import { createMemoryStorage } from './storage/memory.ts'
import type { Storage } from './storage/storage.ts'
import { systemClock, systemRandom } from './system.ts'
import { loadToken, tokenFileOf } from './token.ts'
import { version } from './version.ts'
import { WorkerHost } from './worker/worker.ts'

const limits: TransportLimits = {
  frameBytesMax: frameLimits.frameBytesMax,
  frameDepthMax: frameLimits.frameDepthMax,
  sendBufferBytesHigh: 1_024 * 1_024,
  sendBufferBytesMax: frameLimits.sendBufferBytesMax,
}

/** The memory network's one address; nobody outside the process can dial it. */
const innerAddress = 'this-process:1'

async function openStorage(kind: StorageKind, dir: string, logger: Logger): Promise<Storage> {
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

const isLoopback = (listen: string): boolean => /^(127\.|localhost:|\[::1\]:)/.test(listen)

function checkListen({ listen, insecure }: ManagerOptions): void {
  if (isLoopback(listen) || insecure) return
  const message = `${listen} can be reached from other machines, and what is said there is not encrypted; put TLS in front of a loopback address, or say --insecure`
  throw new TroupeError('Invalid', message)
}

function checkOrigins({ allowOrigins = [] }: ManagerOptions): readonly string[] {
  try {
    return allowOrigins.map(parseOrigin)
  } catch (error) {
    throw error instanceof RangeError ? new TroupeError('Invalid', error.message, { cause: error }) : error
  }
}

interface Ways {
  readonly transports: readonly { readonly transport: Transport; readonly listen: string }[]
}

async function openManagerHost(options: ManagerOptions, more: Ways): Promise<OpenedManager & { token: string }> {
  checkListen(options)
  const allowOrigins = checkOrigins(options)
  const { listen, dataDir, logger } = options
  const scheduler = options.scheduler ?? 'round-robin'
  if (scheduler !== 'round-robin') {
    throw new TroupeError('Invalid', `there is no scheduler "${scheduler}"; this version has round-robin`)
  }
  const token = options.token ?? (await loadToken(dataDir, systemRandom))
  const storage = await openStorage(options.storage, join(dataDir, 'manager'), logger)
  const { failed, fail } = failure()
  const websocket = createWebsocketTransport({ limits, logger })
  const host = new ManagerHost({
    storage,
    transports: [{ transport: websocket, listen }, ...more.transports],
    token,
    allowOrigins,
    version,
    clock: systemClock,
    random: systemRandom,
    logger,
    newTerm: options.newTerm ?? false,
    ...(options.storage === 'rocksdb' ? { writeCopy: copyWriter((dir) => openStorage('rocksdb', dir, logger)) } : {}),
    onFailure: fail,
  })
  try {
    await host.start()
  } catch (error) {
    await storage.close().catch(() => {})
    throw error
  }
  const tokenFile = tokenFileOf(dataDir)
  return { address: host.addresses[0] as string, tokenFile, token, close: () => host.stop(), failed }
}

export function openManager(options: ManagerOptions): Promise<OpenedManager> {
  return openManagerHost(options, { transports: [] })
}

async function openDocker(options: WorkerOptions, dir: string): Promise<Driver> {
  const { createDockerDriver } = await import('./drivers/docker/driver.ts')
  const { allowMounts, logger } = options
  return createDockerDriver({ clock: systemClock, logger, outputDir: join(dir, 'docker'), allowMounts })
}

async function openProcess(options: WorkerOptions, dir: string): Promise<Driver> {
  const { createProcessDriver } = await import('./drivers/process/driver.ts')
  const { logger } = options
  return createProcessDriver({ dir: join(dir, 'process'), clock: systemClock, logger, defaultWorkdir: process.cwd() })
}

/**
 * Named ones must be there; by default docker is offered if an engine answers, or if this worker has offered it before:
 * its containers may still run, and only the engine can say so once it is back. The folder is made before the first of
 * them is.
 */
async function openDrivers(options: WorkerOptions, dir: string): Promise<Map<string, Driver>> {
  const drivers = new Map<string, Driver>()
  for (const name of options.drivers ?? []) {
    if (name === 'docker') drivers.set(name, await openDocker(options, dir))
    else if (name === 'process') drivers.set(name, await openProcess(options, dir))
    else throw new TroupeError('Invalid', `there is no driver "${name}"; there are docker and process`)
  }
  if (options.drivers !== undefined) return drivers
  const docker = await openDocker(options, dir)
  const probe = await docker.probe()
  const wasOffered = existsSync(join(dir, 'docker'))
  if (probe.state === 'complete') {
    drivers.set('docker', docker)
  } else if (wasOffered) {
    drivers.set('docker', docker)
    const advice = 'its containers are left as they are until it answers; to do without, name the drivers with --driver'
    options.logger.warn(`docker is unavailable: ${probe.detail}; ${advice}`)
  } else {
    await docker.close()
    options.logger.info(`docker is left out: ${probe.detail}`)
  }
  return drivers
}

/** A host's name as a node may be called. */
function nameOfMachine(): string {
  const name = hostname()
    .replace(/[^A-Za-z0-9._-]/g, '-')
    .slice(0, 63)
  return /^[A-Za-z0-9]/.test(name) ? name : 'node'
}

async function openWorkerHost(
  options: WorkerOptions,
  transport: Transport,
  drivers: Map<string, Driver>,
): Promise<OpenedWorker> {
  const dir = resolve(options.dataDir, 'worker')
  const { logger, labels, token } = options
  const storage = await openStorage(options.storage, join(dir, 'store'), logger)
  const { failed, fail } = failure()
  const name = options.name ?? nameOfMachine()
  const host = new WorkerHost({
    storage,
    transport,
    managerUrl: options.manager,
    token,
    drivers,
    prober: createNodeProber(),
    registration: {
      name,
      resources: { cpus: options.cpus ?? cpus().length, memoryBytes: options.memoryBytes ?? totalmem() },
      labels: { ...labels },
    },
    clock: systemClock,
    random: systemRandom,
    logger,
    version,
    onFailure: fail,
  })
  try {
    await host.start()
  } catch (error) {
    await storage.close().catch(() => {})
    throw error
  }
  const close = async () => {
    await host.stop()
    await storage.close()
    for (const driver of drivers.values()) await driver.close()
  }
  return { name, nodeId: host.nodeId, connected: host.connected, close, failed }
}

export async function openWorker(options: WorkerOptions): Promise<OpenedWorker> {
  const drivers = await openDrivers(options, resolve(options.dataDir, 'worker'))
  if (drivers.size === 0) {
    const message =
      'this worker has nothing to run tasks with: start a Docker engine, or allow processes with --driver process'
    throw new TroupeError('Invalid', message)
  }
  return openWorkerHost(options, createWebsocketTransport({ limits, logger: options.logger }), drivers)
}

/** Manager and worker in one process, joined by a network that nobody else can reach. */
export async function openUp(options: UpOptions): Promise<OpenedUp> {
  const network = createMemoryTransport({ limits, clock: systemClock })
  const manager = await openManagerHost(options, { transports: [{ transport: network, listen: innerAddress }] })
  try {
    const workerOptions: WorkerOptions = { ...options, manager: `ws://${innerAddress}`, token: manager.token }
    const drivers = await openDrivers(workerOptions, resolve(options.dataDir, 'worker'))
    if (options.drivers === undefined)
      drivers.set('process', await openProcess(workerOptions, resolve(options.dataDir, 'worker')))
    const worker = await openWorkerHost(workerOptions, network.as('worker'), drivers)
    await Promise.race([worker.connected, worker.failed, manager.failed])
    const close = async () => {
      await worker.close()
      await manager.close()
    }
    return { ...manager, name: worker.name, close, failed: Promise.race([manager.failed, worker.failed]) }
  } catch (error) {
    await manager.close()
    throw error
  }
}
