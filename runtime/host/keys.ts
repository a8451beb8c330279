/**
 * Every key in a store of Troupe's, in one table. Keys sort by their bytes; numbers in them are fixed width, so that
 * they sort as numbers do.
 *
 *   meta/format            the version of this layout
 *   meta/cluster           clusterId
 *   meta/log               logId (manager)
 *   meta/epoch             manager: its term of office. worker: the highest seen
 *   meta/node              nodeId (worker)
 *   meta/revision          the last revision, whatever record it went to (manager)
 *   meta/backup            when this copy was made, and at which revision (manager); in copies only
 *   meta/term              the epoch in which it was last taken over as a copy (manager)
 *   meta/indexed           the epoch of the manager that last kept `live/`: the one before ours, or it is made anew (manager)
 *   meta/trimmed           how far what has ended was trimmed (manager)
 *   task/<id>              a task's record (manager)
 *   live/<id>              it has not ended; empty (manager)
 *   spec/<id>              what its user asked for, immutable
 *   node/<nodeId>          a node's record (manager)
 *   attempt/<id>.<n>       an attempt's record (worker)
 *   spec/<id>.<n>          what is to be started (worker); deleted together with the attempt's record
 *   log/<revision>.<i>     one transition, in the order of commits
 *   past/<id>/<revision>.<i>   the same, found by its task; empty, points into `log/`
 *   final/<revision>/<id>  tasks in the order in which they ended; empty
 *   known/<day>/<id>       what is left of a task that was trimmed on this day, so that its id is not given again (manager)
 */
import { type AttemptKey, attemptName } from '../../actors/model.ts'

/** The version of this layout and of the records under it. A newer one is refused. */
export const formatVersion = 1

const digits = 16
const dayDigits = 8

/** A revision as 16 decimal digits. */
const ordered = (revision: number): string => String(revision).padStart(digits, '0')

export const keys = {
  format: 'meta/format',
  cluster: 'meta/cluster',
  logId: 'meta/log',
  epoch: 'meta/epoch',
  node: 'meta/node',
  revision: 'meta/revision',
  backup: 'meta/backup',
  term: 'meta/term',
  indexed: 'meta/indexed',
  trimmed: 'meta/trimmed',
  task: (id: string): string => `task/${id}`,
  live: (id: string): string => `live/${id}`,
  spec: (id: string): string => `spec/${id}`,
  nodeRecord: (nodeId: string): string => `node/${nodeId}`,
  attempt: (key: AttemptKey): string => `attempt/${attemptName(key)}`,
  attemptSpec: (key: AttemptKey): string => `spec/${attemptName(key)}`,
  log: (revision: number, index: number): string => `log/${ordered(revision)}.${String(index).padStart(3, '0')}`,
  past: (id: string, revision: number, index: number): string =>
    `past/${id}/${ordered(revision)}.${String(index).padStart(3, '0')}`,
  final: (revision: number, id: string): string => `final/${ordered(revision)}/${id}`,
  known: (day: number, id: string): string => `known/${String(day).padStart(dayDigits, '0')}/${id}`,
} as const

export const prefixes = {
  task: 'task/',
  live: 'live/',
  node: 'node/',
  attempt: 'attempt/',
  log: 'log/',
  past: (id: string): string => `past/${id}/`,
  final: 'final/',
  known: 'known/',
} as const

/** The first key after all that begin with `prefix`. */
export function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)
}

/** The log's key that a `past/` key points to. */
export const logKeyOf = (pastKey: string): string => `log/${pastKey.slice(pastKey.lastIndexOf('/') + 1)}`

/** The revision in a `log/` key. */
export const revisionOf = (logKey: string): number => Number(logKey.slice('log/'.length, 'log/'.length + digits))

/** The log's key of the same transition, in the index of its task. */
export const pastKeyOf = (id: string, logKey: string): string => `past/${id}/${logKey.slice('log/'.length)}`

/** The revision and the task in a `final/` key. */
export function endOfTask(finalKey: string): { readonly revision: number; readonly id: string } {
  const [, revision, id] = finalKey.split('/')
  return { revision: Number(revision), id: id as string }
}

/** The day in a `known/` key. */
export const dayOf = (knownKey: string): number => Number(knownKey.slice('known/'.length, 'known/'.length + dayDigits))
