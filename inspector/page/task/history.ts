/**
 * What the page knows of one task: all of it plain data, from the manager's durable log or from a file that it was saved to.
 * A step is one transition of the log; time travel is choosing one of them.
 */

import type { TaskEvent, TaskSpec, TaskView } from '../../../actors/model.ts'
import type { TaskContext } from '../../../actors/task-context.ts'
import type { LogLine } from '../../../runtime/client/log-lines.ts'
import type { Explanation } from '../../../runtime/client/troupe.ts'

/** One transition, and how the task stood after it. */
export interface HistoryStep {
  /** Its place in `steps`, from 0. */
  readonly index: number
  readonly event: TaskEvent
  /** The machine's context after it, by stepping the machine again; undefined where that does not lead to the state that was recorded. */
  readonly context: TaskContext | undefined
}

export interface TaskHistory {
  /** As it stands now, or stood when it was saved. */
  readonly task: TaskView
  /** Secrets are masked, and for a token that may only look all values of `env`. */
  readonly spec: TaskSpec | undefined
  readonly explanation: Explanation | undefined
  /** Oldest first. */
  readonly steps: readonly HistoryStep[]
  /** The log no longer has its beginning. */
  readonly isTrimmed: boolean
  /** `live`: it grows. `stale`: it will again when the connection is back. `file`: it was saved. */
  readonly source: 'live' | 'stale' | 'file'
  /** What the page reckons with as now, in milliseconds since 1970: of a file, when it was saved. */
  readonly nowMs: number
  /** Of a file: the output that was saved with it, oldest first. */
  readonly output?: readonly LogLine[]
}

/** What every panel of a task is given. */
export interface PanelProps {
  readonly history: TaskHistory
  /** The step that is looked at, an index of `steps`; undefined: how it stands now. */
  readonly at: number | undefined
  /** Chooses a step; undefined goes back to now. */
  readonly onAt: (index: number | undefined) => void
}
