/**
 * The roots of the command line: where ports get their adapters. Docker and RocksDB are loaded only when they are asked for.
 */
import { join, resolve } from 'node:path'
import { TroupeError } from '../actors/protocol/errors.ts'
import { createMemoryTransport } from '../transport/memory.ts'
import type { Transport } from '../transport/transport.ts'
import { createWebsocketTransport, readCertificate } from '../transport/websocket.ts'
import { unlessAborted } from './client/abort.ts'
import { copyWriter } from './copy.ts'
import type { Driver } from './drivers/driver.ts'
import {
  type DriverPlace,
  findDocker,
  innerAddress,
  transportLimits as limits,
  openDriver,
  openStorage,
  startManager,
  startWorker,
} from './hosts.ts'
import { inspectorUrl } from './inspector-files.ts'
import { parseOrigin } from './manager/admission.ts'
import { chosenScheduler } from './manager/own-scheduler.ts'
import type { ManagerOptions, OpenedManager, OpenedUp, OpenedWorker, UpOptions, WorkerOptions } from './options.ts'
import type { Storage } from './storage/storage.ts'
import { systemClock, systemRandom } from './system.ts'
import { checkToken, loadToken, loadViewToken, tokenFileOf } from './token.ts'

const isLoopback = (listen: string): boolean => /^(127\.|localhost:|\[::1\]:)/.test(listen)

/** Throws TroupeError `Invalid` for an address that other machines can reach, unless that is meant. */
export function checkListen({ listen, insecure, tls }: Pick<ManagerOptions, 'listen' | 'insecure' | 'tls'>): void {
  if (isLoopback(listen) || insecure || tls !== undefined) return
  const message = `${listen} can be reached from other machines, and what is said there is not encrypted; give a certificate (--tls-cert, --tls-key), or say --insecure`
  throw new TroupeError('Invalid', message)
}

/** Throws TroupeError `Invalid` for what is no origin. */
export function checkOrigins({ allowOrigins = [] }: Pick<ManagerOptions, 'allowOrigins'>): readonly string[] {
  try {
    return allowOrigins.map(parseOrigin)
  } catch (error) {
    throw error instanceof RangeError ? new TroupeError('Invalid', error.message, { cause: error }) : error
  }
}

/** Whoever opened it does not want it any more. */
async function closeIfAborted(signal: AbortSignal | undefined, close: () => Promise<void>): Promise<void> {
  if (signal?.aborted !== true) return
  await close()
  signal.throwIfAborted()
}

interface Ways {
  readonly transports: readonly { readonly transport: Transport; readonly listen: string }[]
}

async function openManagerHost(options: ManagerOptions, more: Ways): Promise<OpenedManager & { token: string }> {
  options.signal?.throwIfAborted()
  checkListen(options)
  const allowOrigins = checkOrigins(options)
  const { listen, dataDir, logger } = options
  const scheduler = chosenScheduler(options.scheduler, logger)
  const token = options.token === undefined ? await loadToken(dataDir, systemRandom) : checkToken(options.token)
  const viewToken = await loadViewToken(dataDir, systemRandom)
  // Before anything is opened: a manager that cannot listen does not take office.
  if (options.tls !== undefined) await readCertificate(options.tls)
  options.signal?.throwIfAborted()
  const { host, failed } = await startManager({
    storage: await openStorage(options.storage, join(dataDir, 'manager'), logger),
    transports: [
      { transport: createWebsocketTransport({ limits, logger, tls: options.tls }), listen },
      ...more.transports,
    ],
    token,
    viewToken,
    allowOrigins,
    clock: systemClock,
    random: systemRandom,
    logger,
    scheduler,
    newTerm: options.newTerm ?? false,
    retention: options.retention,
    ...(options.storage === 'rocksdb' ? { writeCopy: copyWriter((dir) => openStorage('rocksdb', dir, logger)) } : {}),
  })
  await closeIfAborted(options.signal, () => host.stop())
  const address = host.addresses[0] as string
  const inspector = inspectorUrl(address, token)
  return { address, tokenFile: tokenFileOf(dataDir), inspector, token, close: () => host.stop(), failed }
}

/**
 * A manager alone; its workers and clients dial in. Rejects with TroupeError `Invalid`, StorageError, TransportError, or
 * the reason of the `signal` that gave it up.
 */
export function openManager(options: ManagerOptions): Promise<OpenedManager> {
  return openManagerHost(options, { transports: [] })
}

const dirOf = ({ dataDir }: WorkerOptions): string => resolve(dataDir, 'worker')

const placeOf = (options: WorkerOptions): DriverPlace => {
  const { allowMounts, outputRetention, logger } = options
  return {
    dir: dirOf(options),
    dataDir: resolve(options.dataDir),
    allowMounts,
    outputRetention,
    clock: systemClock,
    logger,
  }
}

/** Named ones must be there; by default docker is offered if it is found. */
async function openDrivers(options: WorkerOptions): Promise<Map<string, Driver>> {
  const drivers = new Map<string, Driver>()
  for (const name of options.drivers ?? []) drivers.set(name, await openDriver(name, placeOf(options)))
  if (options.drivers !== undefined) return drivers
  const docker = await findDocker(placeOf(options))
  if (docker !== undefined) drivers.set('docker', docker)
  return drivers
}

async function openWorkerHost(
  options: WorkerOptions,
  transport: Transport,
  drivers: Map<string, Driver>,
): Promise<OpenedWorker> {
  const { logger, token, signal } = options
  let storage: Storage
  try {
    signal?.throwIfAborted()
    storage = await openStorage(options.storage, join(dirOf(options), 'store'), logger)
  } catch (error) {
    for (const driver of drivers.values()) await driver.close().catch(() => {})
    throw error
  }
  const worker = await startWorker({
    offer: options,
    dir: dirOf(options),
    storage,
    transport,
    managerUrl: options.manager,
    token,
    drivers,
    clock: systemClock,
    random: systemRandom,
    logger,
  })
  await closeIfAborted(signal, () => worker.close())
  return worker
}

/**
 * A worker alone. Resolves when it dials; see `connected`. Rejects with TroupeError `Invalid`, StorageError, or the reason
 * of the `signal` that gave it up.
 */
export async function openWorker(options: WorkerOptions): Promise<OpenedWorker> {
  options.signal?.throwIfAborted()
  const drivers = await openDrivers(options)
  if (drivers.size === 0) {
    const message =
      'this worker has nothing to run tasks with: start a Docker engine, or allow processes with --driver process'
    throw new TroupeError('Invalid', message)
  }
  return openWorkerHost(options, createWebsocketTransport({ limits, logger: options.logger, ca: options.ca }), drivers)
}

/** Manager and worker in one process, joined by a network that nobody else can reach. */
export async function openUp(options: UpOptions): Promise<OpenedUp> {
  const network = createMemoryTransport({ limits, clock: systemClock })
  const manager = await openManagerHost(options, { transports: [{ transport: network, listen: innerAddress }] })
  try {
    const workerOptions: WorkerOptions = { ...options, manager: `ws://${innerAddress}`, token: manager.token }
    const drivers = await openDrivers(workerOptions)
    if (options.drivers === undefined) drivers.set('process', await openDriver('process', placeOf(workerOptions)))
    const worker = await openWorkerHost(workerOptions, network.as('worker'), drivers)
    const close = async () => {
      await worker.close()
      await manager.close()
    }
    await unlessAborted(options.signal, Promise.race([worker.connected, worker.failed, manager.failed])).catch(
      async (error) => {
        await worker.close()
        throw error
      },
    )
    return { ...manager, name: worker.name, close, failed: Promise.race([manager.failed, worker.failed]) }
  } catch (error) {
    await manager.close()
    throw error
  }
}
