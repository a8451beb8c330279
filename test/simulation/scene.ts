/** Who takes part in a run, what they have, and how much is asked of them. */
import type { Resources } from '../../actors/model.ts'

export interface Scene {
  readonly manager: string
  /** What each worker offers: less than all tasks together want, and not the same. */
  readonly workers: Readonly<Record<string, Resources>>
  readonly clients: readonly string[]
  /** Tasks, without the one that endures. */
  readonly tasksMin: number
  readonly tasksMax: number
  /** How likely there is a task that runs all the while. */
  readonly enduringChance: number
  /** What that one wants; 0 = what anybody gets who does not ask. */
  readonly enduringCpus: number
  /** How likely a task is asked for before anybody has answered its submission. */
  readonly hastyChance: number
  /** How likely a worker is away for so long that what runs on it is given up. */
  readonly longLossChance: number
  /** Boundaries at which a seed owes a crash. */
  readonly crashesOwed: 1 | 2 | 3
  /** Faults that begin at a time, besides. */
  readonly faultsMin: number
  readonly faultsMax: number
  /** A run in which fewer came about is given more of them. */
  readonly firedMin: number
  /** What comes upon containers and records is among the faults. */
  readonly meddles: boolean
  /** How likely a task has a health check, which may fail for a while or for good. */
  readonly checkChance: number
  /** How likely each node is drained by a client, and opened again. */
  readonly drainChance: number
  /** How likely a client has a node forgotten as soon as that can be. */
  readonly removalChance: number
  /** How likely a task has ports, of which there are few: certain ones that others want, and free ones of a small range. */
  readonly portChance: number
  /** How likely the manager keeps what has ended for a few seconds only, or only a few of them. */
  readonly trimChance: number
  /** The dice choose the manager's scheduler; otherwise it is round-robin. */
  readonly anyScheduler: boolean
  /** A crash keeps bytes, and not batches, of what was not synced: the batch that it cuts through is torn. */
  readonly tearsBatches: boolean
}

const mebibytes = 1_024 * 1_024

/** The second scene: without health checks, drains and torn batches. For seeds that broke something in it. */
export const plain: Scene = {
  manager: 'manager',
  workers: {
    'worker-1': { cpus: 2, memoryBytes: 1_024 * mebibytes },
    'worker-2': { cpus: 3, memoryBytes: 512 * mebibytes },
    'worker-3': { cpus: 2.5, memoryBytes: 768 * mebibytes },
  },
  clients: ['client-1', 'client-2', 'client-3'],
  tasksMin: 19,
  tasksMax: 19,
  enduringChance: 1,
  enduringCpus: 2,
  hastyChance: 0.35,
  longLossChance: 0.6,
  crashesOwed: 3,
  faultsMin: 7,
  faultsMax: 12,
  firedMin: 5,
  meddles: true,
  checkChance: 0,
  drainChance: 0,
  removalChance: 0,
  portChance: 0,
  trimChance: 0,
  anyScheduler: false,
  tearsBatches: false,
}

/** The third scene: without ports. */
export const tended: Scene = {
  ...plain,
  longLossChance: 0.8,
  checkChance: 0.3,
  drainChance: 0.3,
  removalChance: 0.6,
  tearsBatches: true,
}

/** The scene of the hunt. */
export const whole: Scene = { ...tended, portChance: 0.4, trimChance: 0.5, anyScheduler: true }

/** The first scene there was: seeds that broke something in it are repeated in it. */
export const small: Scene = {
  manager: 'manager',
  workers: {
    'worker-1': { cpus: 2, memoryBytes: 1_024 * mebibytes },
    'worker-2': { cpus: 3, memoryBytes: 512 * mebibytes },
  },
  clients: ['client-1', 'client-2'],
  tasksMin: 6,
  tasksMax: 14,
  enduringChance: 0.5,
  enduringCpus: 0,
  hastyChance: 0.1,
  longLossChance: 0.2,
  crashesOwed: 1,
  faultsMin: 3,
  faultsMax: 9,
  firedMin: 0,
  meddles: false,
  checkChance: 0,
  drainChance: 0,
  removalChance: 0,
  portChance: 0,
  trimChance: 0,
  anyScheduler: false,
  tearsBatches: false,
}

export const workersOf = (scene: Scene): string[] => Object.keys(scene.workers)
