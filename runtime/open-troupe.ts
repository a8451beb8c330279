/** A Troupe inside an application: manager and worker in this process, each part of them the application's if it likes. */
import { join, resolve } from 'node:path'
import { TroupeError } from '../actors/protocol/errors.ts'
import type { Scheduler } from '../actors/schedulers/scheduler.ts'
import type { SchedulerName } from '../actors/schedulers/schedulers.ts'
import { createMemoryTransport, type MemoryTransport } from '../transport/memory.ts'
import type { Transport } from '../transport/transport.ts'
import { type CertificateFiles, createWebsocketTransport, readCertificate } from '../transport/websocket.ts'
import { unlessAborted } from './client/abort.ts'
import { connectTroupe } from './client/connect-troupe.ts'
import type { RemoteTroupe } from './client/remote-troupe.ts'
import type { Metrics, Troupe } from './client/troupe.ts'
import type { Clock } from './clock.ts'
import { copyWriter } from './copy.ts'
import type { Driver } from './drivers/driver.ts'
import type { ManagerMetrics, WorkerMetrics } from './host/metrics.ts'
import {
  type DriverPlace,
  findDocker,
  innerAddress,
  transportLimits as limits,
  type Offer,
  openDriver,
  openStorage,
  type StartedManager,
  type StartedWorker,
  startManager,
  startWorker,
} from './hosts.ts'
import { type Logger, silentLogger } from './logger.ts'
import { chosenScheduler } from './manager/own-scheduler.ts'
import { checkListen, checkOrigins } from './open.ts'
import type { OutputRetention, Retention, StorageKind } from './options.ts'
import type { Random } from './random.ts'
import type { Storage } from './storage/storage.ts'
import { systemClock, systemRandom } from './system.ts'
import { checkToken, loadToken, loadViewToken } from './token.ts'

/** Opens a store of the application's own for one of the two hosts; it is closed with the Troupe. */
export type OpenStorage = (host: 'manager' | 'worker') => Storage | Promise<Storage>

/** How a Troupe is opened inside an application, and of which parts it is made. Each may be left out. */
export interface TroupeOptions<SchedulerState = unknown> extends Offer {
  /**
   * The folder of stores, output and token; made if it is not there. One process at a time may have it. Needed for the
   * storage `rocksdb` and for the drivers that come with Troupe.
   */
  readonly dataDir?: string
  /** `rocksdb` (default), `memory` (forgets it all at the end), or a function that opens a store for each host. */
  readonly storage?: StorageKind | OpenStorage
  /**
   * Says what a node costs; the cheapest gets the task: `round-robin` (default), `epvm`, `binpack`, `spread`, or one of the
   * application's own.
   */
  readonly scheduler?: SchedulerName | Scheduler<SchedulerState>
  /**
   * What runs tasks here: `docker`, `process`, or drivers of the application's own, each under its `name`; they are closed
   * with the Troupe. Default: `process`, and `docker` if an engine answers. None (`[]`): there is no worker here, and
   * those that `listen` lets in do the work.
   */
  readonly drivers?: readonly (string | Driver)[]
  /** Folders, absolute, that containers may mount, and all that is below them. Default: none. */
  readonly allowMounts?: readonly string[]
  /** `host:port` for workers and clients elsewhere, the command line among them; port 0 = any. Default: nobody is let in. */
  readonly listen?: string
  /** What listens there. Default: WebSocket. */
  readonly transport?: Transport
  /** What those who come in must show. Default: the one in `<dataDir>/token`, made if it is not there. */
  readonly token?: string
  /** Listen with TLS by this certificate; a renewed one is taken within a minute. Default: without TLS. */
  readonly tls?: CertificateFiles
  /** Listen beyond loopback without TLS. Default false: such an address is refused. */
  readonly insecure?: boolean
  /** Pages of these origins, `https://app.example`, may connect. Default: none but the manager's own. */
  readonly allowOrigins?: readonly string[]
  /** The folder was restored from a backup or a copy: take over from whoever has gone on from it. Default false. */
  readonly newTerm?: boolean
  /** What is kept of tasks that have ended and of the log. Default: 7 days, 100,000 tasks, 1 GiB of the log. */
  readonly retention?: Partial<Retention> | undefined
  /** What is kept of the output of removed attempts. Default: 7 days, 10,000 attempts and 1 GiB for each driver. */
  readonly outputRetention?: Partial<OutputRetention> | undefined
  /** Default: the machine's. */
  readonly clock?: Clock
  /** Default: the machine's. */
  readonly random?: Random
  /**
   * Gives opening up: once what is under way has been let go of, it rejects with the signal's reason, and nothing is left
   * open. Once it is open the signal means nothing any more; `close` ends it.
   */
  readonly signal?: AbortSignal
  /** What goes on, for an operator. Default: says nothing. */
  readonly logger?: Logger
  /**
   * The manager or the worker cannot go on: its store has failed. All calls reject from then on; what was acknowledged is
   * on disk, and opening the folder again, best in a new process, recovers.
   */
  readonly onFailure?: (error: Error) => void
}

/** What was counted here: by the client, the manager and the worker, for the application to export as it likes. */
export interface OpenedMetrics extends Metrics {
  /** The manager's numbers. */
  readonly manager: ManagerMetrics
  /** Undefined without drivers. */
  readonly worker: WorkerMetrics | undefined
}

/** A Troupe whose manager is in this process. */
export interface OpenedTroupe extends Troupe {
  /** What others can dial, `ws://127.0.0.1:4747`; undefined without `listen`. */
  readonly address: string | undefined
  /** What they must show. */
  readonly token: string
  /** What clients may show that are only to look; in `<dataDir>/view-token`, if there is a folder. */
  readonly viewToken: string
  /** What it has counted so far, its manager and its worker included. Each look costs as much as there are live tasks. */
  metrics(): OpenedMetrics
}

/** All but the one option whose type depends on the application. */
type Plain = Omit<TroupeOptions, 'scheduler'>

interface Chosen extends Required<Pick<TroupeOptions, 'clock' | 'random' | 'logger'>> {
  readonly token: string
  readonly viewToken: string
  readonly openStorage: OpenStorage
  readonly network: MemoryTransport
}

/**
 * Opens a manager and a worker in this process; resolves when the worker is ready. Any number may be open at once, each on
 * its own folder: nothing is global, no signal is taken, the process is never ended, and after `close` nothing keeps it
 * alive. Rejects with TroupeError `Invalid`, with StorageError (`locked`: another process has the folder), with
 * TransportError (`address-in-use`), or with the reason of the `signal` that gave it up.
 */
export async function openTroupe<SchedulerState = unknown>(
  options: TroupeOptions<SchedulerState> = {},
): Promise<OpenedTroupe> {
  const { signal } = options
  signal?.throwIfAborted()
  const chosen = await choose(options)
  const drivers = (options.drivers ?? []).filter((one) => typeof one !== 'string')
  const opened: { close(): Promise<void> }[] = [...drivers]
  const closeAll = async () => {
    // One that cannot be closed keeps none of the others open.
    const ends: PromiseSettledResult<void>[] = []
    for (const one of opened.splice(0).reverse()) ends.push(...(await Promise.allSettled([one.close()])))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }
  try {
    signal?.throwIfAborted()
    const manager = await openManager(options, chosen)
    opened.push({ close: () => manager.host.stop() })
    signal?.throwIfAborted()
    // From here on the worker closes them.
    opened.splice(0, drivers.length)
    const worker = await openWorker(options, chosen)
    if (worker !== undefined) {
      opened.push(worker)
      await unlessAborted(signal, Promise.race([worker.connected, worker.failed, manager.failed]))
    }
    const { clock, random, logger, token, viewToken, network } = chosen
    const transport = network.as('application')
    const troupe = await connectTroupe({
      ...{ transport, url: `ws://${innerAddress}`, token, clock, random, logger, onClose: closeAll },
      ...(signal === undefined ? {} : { signal }),
    })
    watchOver(troupe, [manager.failed, ...(worker ? [worker.failed] : [])], options, logger)
    const address = options.listen === undefined ? undefined : manager.host.addresses[1]
    const client = troupe.metrics.bind(troupe)
    const metrics = () => ({ ...client(), manager: manager.host.metrics(), worker: worker?.metrics() })
    return Object.assign(troupe, { address, token, viewToken, metrics })
  } catch (error) {
    await closeAll().catch(() => undefined)
    throw error
  }
}

function watchOver(
  troupe: RemoteTroupe,
  failures: readonly Promise<never>[],
  { onFailure }: Plain,
  logger: Logger,
): void {
  Promise.race(failures).catch((error: Error) => {
    logger.error(`this Troupe cannot go on: ${error.message}`)
    const text = `This Troupe cannot go on: ${error.message}`
    void troupe.end(new TroupeError('StorageFailed', text, { cause: error })).catch((failure: Error) => {
      logger.error(`closing it failed: ${failure.message}`)
    })
    onFailure?.(error)
  })
}

async function choose(options: Plain): Promise<Chosen> {
  const { dataDir, storage = 'rocksdb', logger = silentLogger, clock = systemClock, random = systemRandom } = options
  const { listen, insecure = false, tls } = options
  if (listen !== undefined) checkListen({ listen, insecure, ...(tls === undefined ? {} : { tls }) })
  if (storage === 'rocksdb' && dataDir === undefined) {
    throw new TroupeError('Invalid', `Say where the tasks are kept with dataDir, or set storage to 'memory'.`)
  }
  const kind = typeof storage === 'function' ? undefined : storage
  const token = options.token === undefined ? undefined : checkToken(options.token)
  return {
    ...{ clock, random, logger },
    token: token ?? (dataDir === undefined ? random.id(32) : await loadToken(dataDir, random)),
    viewToken: dataDir === undefined ? random.id(32) : await loadViewToken(dataDir, random),
    openStorage:
      typeof storage === 'function'
        ? storage
        : (host) => openStorage(kind as StorageKind, folderOf(dataDir ?? '', host), logger),
    network: createMemoryTransport({ limits, clock }),
  }
}

/** Where `troupe up` keeps it as well, so that either can go on with the other's folder. */
const folderOf = (dataDir: string, host: 'manager' | 'worker'): string =>
  host === 'manager' ? join(dataDir, 'manager') : join(resolve(dataDir, 'worker'), 'store')

async function openManager<S>(options: TroupeOptions<S>, chosen: Chosen): Promise<StartedManager> {
  const { listen, newTerm = false, storage = 'rocksdb' } = options
  const { network, token, viewToken, clock, random, logger } = chosen
  const scheduler = chosenScheduler(options.scheduler, logger)
  if (options.tls !== undefined) await readCertificate(options.tls)
  const transport = options.transport ?? createWebsocketTransport({ limits, logger, clock, tls: options.tls })
  return startManager({
    storage: await chosen.openStorage('manager'),
    transports: [
      { transport: network, listen: innerAddress },
      ...(listen === undefined ? [] : [{ transport, listen }]),
    ],
    allowOrigins: checkOrigins({ allowOrigins: options.allowOrigins ?? [] }),
    ...{ scheduler, token, viewToken, clock, random, logger, newTerm, retention: options.retention },
    ...(storage === 'rocksdb' ? { writeCopy: copyWriter((dir) => openStorage('rocksdb', dir, logger)) } : {}),
  })
}

async function openWorker(options: Plain, chosen: Chosen): Promise<StartedWorker | undefined> {
  if (options.drivers?.length === 0) return undefined
  const { network, token, clock, random, logger } = chosen
  const drivers = new Map<string, Driver>()
  let storage: Storage
  try {
    await openDrivers(options, chosen, drivers)
    storage = await chosen.openStorage('worker')
  } catch (error) {
    // Also those of the application that it did not come to.
    const own = (options.drivers ?? []).filter((one) => typeof one !== 'string')
    for (const driver of new Set([...drivers.values(), ...own])) await driver.close().catch(() => {})
    throw error
  }
  return startWorker({
    offer: options,
    dir: options.dataDir,
    storage,
    transport: network.as('worker'),
    managerUrl: `ws://${innerAddress}`,
    ...{ token, drivers, clock, random, logger },
  })
}

async function openDrivers(options: Plain, chosen: Chosen, drivers: Map<string, Driver>): Promise<void> {
  const { dataDir, allowMounts = [], outputRetention } = options
  const { clock, logger } = chosen
  const placeFor = (name: string): DriverPlace => {
    if (dataDir === undefined) {
      throw new TroupeError('Invalid', `The driver ${name} keeps output on disk: say where with dataDir.`)
    }
    return { dir: resolve(dataDir, 'worker'), dataDir: resolve(dataDir), allowMounts, outputRetention, clock, logger }
  }
  for (const one of options.drivers ?? ['process']) {
    const driver = typeof one === 'string' ? await openDriver(one, placeFor(one)) : one
    if (drivers.has(driver.name)) {
      throw new TroupeError('Invalid', `There are two drivers ${driver.name}: name one otherwise.`)
    }
    drivers.set(driver.name, driver)
  }
  const docker = options.drivers === undefined ? await findDocker(placeFor('docker')) : undefined
  if (docker !== undefined) drivers.set('docker', docker)
}
