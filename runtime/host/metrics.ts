/** What the hosts of an embedded Troupe count, as plain numbers. Read when asked for; nothing is measured in between. */
import type { NodeState, Resources, TaskState } from '../../actors/model.ts'

/** How a host's store is written. A unit is all that became true together; many units share one synced flush. */
export interface JournalMetrics {
  /** Synced writes since it was opened. */
  readonly flushes: number
  /** Units since it was opened, so that `units / flushes` says how many share one. Those with nothing to store included. */
  readonly units: number
  /** Changed entries that those flushes carried. */
  readonly entries: number
  /** Changed entries that wait for the disk, now. New tasks are refused as `Overloaded` beyond 65,536. */
  readonly waitingEntries: number
  /** Bytes that wait for the disk, now. New tasks are refused as `Overloaded` beyond 64 MiB. */
  readonly waitingBytes: number
}

/** What a manager knows of itself. Everything is how many there are now, unless it says otherwise. */
export interface ManagerMetrics {
  /** Rises by one or more each time that the manager's folder is opened. */
  readonly epoch: number
  /** Of the newest commit. */
  readonly revision: number
  /** Live tasks by state. */
  readonly tasks: Readonly<Record<Exclude<TaskState, 'Completed' | 'Failed'>, number>>
  /** Tasks that have ended since it was opened, by state. */
  readonly ended: Readonly<Record<Extract<TaskState, 'Completed' | 'Failed'>, number>>
  /** Tasks that wait in the queue for a node. Those that wait for their back-off are `Pending`, and not in it. */
  readonly queued: number
  /** Placement decisions since it was opened. */
  readonly decisions: number
  /** Nodes by state. */
  readonly nodes: Readonly<Record<NodeState, number>>
  /** Of the nodes, those that are drained. */
  readonly draining: number
  /** What all nodes offer together; cpus in cores. */
  readonly offered: Resources
  /** What is reserved on all nodes together; cpus in cores. */
  readonly reserved: Resources
  /** Attempts that hold a reservation. */
  readonly reservations: number
  /** Connections of any kind, those that have not said hello included. */
  readonly connections: number
  /** Connections of clients; that of an embedded Troupe is one. */
  readonly clients: number
  /** Connections of workers that were welcomed. */
  readonly workers: number
  /** Subscriptions of all clients. */
  readonly subscriptions: number
  /** Outputs that are read by clients. */
  readonly outputs: number
  /** How its store is written. */
  readonly journal: JournalMetrics
}

/** What a worker knows of itself. Everything is how many there are now, unless it says otherwise. */
export interface WorkerMetrics {
  /** Its id, as `nodes()` tells it. */
  readonly nodeId: string
  /** Whether its manager has welcomed it, and the session stands. */
  readonly isConnected: boolean
  /** Attempts by state: `Starting`, `Pulling`, `Running`, `Stopping`, `Ended`, `Removing`. */
  readonly attempts: Readonly<Record<string, number>>
  /** How its store is written. */
  readonly journal: JournalMetrics
}
