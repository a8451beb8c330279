/** What the roots of `runtime/open.ts` take and give: the command line fills these in, and so may an application. */
import type { PortRange } from '../actors/model.ts'
import type { Scheduler } from '../actors/schedulers/scheduler.ts'
import type { SchedulerName } from '../actors/schedulers/schedulers.ts'
import type { CertificateFiles } from '../transport/websocket.ts'
import type { Logger } from './logger.ts'

/** Where a manager keeps its data: `memory` forgets it all when the process ends. */
export type StorageKind = 'memory' | 'rocksdb'

/** What a manager keeps of what has ended. `Number.POSITIVE_INFINITY` is for ever, 0 is not at all. */
export interface Retention {
  /** How long a task is kept after its end, in milliseconds. Default 7 days. */
  readonly finishedMs: number
  /** How many tasks that have ended are kept; the oldest go first. Default 100,000. */
  readonly finishedMax: number
  /** How long transitions are kept, in milliseconds, those of live tasks as well. Default 7 days. */
  readonly logMs: number
  /** Bytes of transitions that are kept, about; the oldest go first. Default 1 GiB. */
  readonly logBytes: number
}

/** What a worker keeps of the output of removed attempts. `Number.POSITIVE_INFINITY` is for ever, 0 is not at all. */
export interface OutputRetention {
  /** How long it is kept after the attempt was removed, in milliseconds. Default 7 days. */
  readonly ageMs: number
  /** Of how many attempts it is kept, for each driver; the oldest go first. Default 10,000. */
  readonly attemptsMax: number
  /** Bytes of all of it together, for each driver; the oldest goes first. Default 1 GiB. */
  readonly bytesMax: number
}

/** How a manager is opened. */
export interface ManagerOptions {
  /** `host:port` to listen on; port 0 = any that is free. */
  readonly listen: string
  /** The folder of the store and of the token. Made if it is not there. */
  readonly dataDir: string
  /** `rocksdb`, or `memory`, which forgets it all at the end. */
  readonly storage: StorageKind
  /** How a node is picked: `round-robin` (default), `epvm`, `binpack`, `spread`, or a scheduler of one's own. */
  readonly scheduler?: SchedulerName | Scheduler
  /** What clients and workers must show. Default: the one in `<dataDir>/token`, made if it is not there. */
  readonly token?: string
  /** The folder was restored from a backup or a copy: take over from whoever has gone on from it. Default false. */
  readonly newTerm?: boolean
  /** Origins of pages that may connect from a browser, such as `https://app.example`. Default: none but its own address. */
  readonly allowOrigins?: readonly string[]
  /** Listen with TLS by this certificate; a renewed one is taken within a minute. Default: without TLS. */
  readonly tls?: CertificateFiles
  /** Listen beyond loopback without TLS. Default false: such an address is refused. */
  readonly insecure?: boolean
  /** What is kept of tasks that have ended and of the log. Default: 7 days, 100,000 tasks, 1 GiB of the log. */
  readonly retention?: Partial<Retention> | undefined
  /**
   * Gives opening up: once what is under way has been let go of, it rejects with the signal's reason, and nothing is left
   * open. Once it is open the signal means nothing any more; `close` ends it.
   */
  readonly signal?: AbortSignal
  /** What goes on, for an operator. */
  readonly logger: Logger
}

/** How a worker is opened. */
export interface WorkerOptions {
  /** The manager's address, `ws://host:port` or `wss://host:port`. */
  readonly manager: string
  /** The folder of the worker's store and of what its tasks write. Made if it is not there. */
  readonly dataDir: string
  /** As of a manager; with `memory` it is a new node each time. */
  readonly storage: StorageKind
  /** For people, unique in the cluster. Default: the machine's host name. */
  readonly name?: string
  /** What constraints of tasks can name, at most 64; keys up to 63 characters, values up to 255. */
  readonly labels: Readonly<Record<string, string>>
  /** The drivers to offer. Undefined: docker if an engine answers; `openUp` adds `process`. */
  readonly drivers: readonly string[] | undefined
  /** Cores to offer. Default: what the machine has. */
  readonly cpus?: number
  /** Bytes of memory to offer. Default: what the machine has. */
  readonly memoryBytes?: number
  /** Where the ports come from that a task has free, both ends included. Default 20,000 to 32,767. */
  readonly portRange?: PortRange
  /** Folders, absolute, that tasks may mount, and all that is below them. */
  readonly allowMounts: readonly string[]
  /** What is kept of the output of removed attempts. Default: 7 days, 10,000 attempts and 1 GiB for each driver. */
  readonly outputRetention?: Partial<OutputRetention> | undefined
  /** What the manager lets in by. */
  readonly token: string
  /** Authorities to trust with `wss://`, in PEM, beside those that come with Node. */
  readonly ca?: string
  /**
   * Gives opening up: once what is under way has been let go of, it rejects with the signal's reason, and nothing is left
   * open. Once it is open the signal means nothing any more; `close` ends it.
   */
  readonly signal?: AbortSignal
  /** What goes on, for an operator. */
  readonly logger: Logger
}

/** A manager and a worker in one process. */
export type UpOptions = ManagerOptions & Omit<WorkerOptions, 'manager' | 'token'>

/** A manager that is open. */
export interface OpenedManager {
  /** What others can dial, `ws://127.0.0.1:4747`. */
  readonly address: string
  /** The file that holds what clients and workers must show. */
  readonly tokenFile: string
  /** Where a browser finds the inspector, with the token in the fragment: whoever has it can do everything. */
  readonly inspector: string
  /** Lets go in order: no new work, what is stored is synced. Tasks go on running on their workers. */
  close(): Promise<void>
  /** Rejects when it cannot go on, with a sentence that says what to do. Never resolves. */
  readonly failed: Promise<never>
}

/** A worker that is open. */
export interface OpenedWorker {
  /** The node's name. */
  readonly name: string
  /** The node's id, for as long as its folder is kept. */
  readonly nodeId: string
  /** Resolves when a manager has welcomed it for the first time. */
  readonly connected: Promise<void>
  /** Says farewell and lets go; its attempts go on running. */
  close(): Promise<void>
  /** Rejects when it cannot go on, with a sentence that says what to do. Never resolves. */
  readonly failed: Promise<never>
}

/** A manager and a worker that are open in one process. */
export interface OpenedUp extends OpenedManager {
  /** The worker's name. */
  readonly name: string
}

/** What the command line expects of `runtime/open.ts`. */
export interface Roots {
  openManager(options: ManagerOptions): Promise<OpenedManager>
  openWorker(options: WorkerOptions): Promise<OpenedWorker>
  openUp(options: UpOptions): Promise<OpenedUp>
}
