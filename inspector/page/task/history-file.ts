/**
 * A task's whole history as one file of JSON, `troupe.task-history/1`, which the page opens without a manager; and a
 * machine's graph, `troupe.chart/1`, as `troupe chart --json` writes it. What is opened is checked, for anybody may have
 * written it.
 */
import { shownSpec } from '../../../actors/environment.ts'
import { PlacementDecision, TaskEvent, TaskSpec, TaskView } from '../../../actors/model.ts'
import { version } from '../../../runtime/client/handshake.ts'
import type { LogLine } from '../../../runtime/client/log-lines.ts'
import { firstFault, matches } from '../../../runtime/client/replies.ts'
import type { Explanation } from '../../../runtime/client/troupe.ts'
import type { ChartGraph } from '../../chart/graph.ts'
import { faultOfGraph } from '../chart/graph-check.ts'
import type { TaskHistory } from './history.ts'
import { divergenceText, replayed } from './replay.ts'

export const historyFormat = 'troupe.task-history/1'
export const chartFormat = 'troupe.chart/1'

export interface HistoryFile {
  readonly format: typeof historyFormat
  /** Of the Troupe whose page saved it. */
  readonly version: string
  /** Milliseconds since 1970. */
  readonly savedAtMs: number
  /** Which log the revisions are of. */
  readonly logId: string | null
  /** Whose task it is; a page of before did not say. */
  readonly clusterId?: string | null
  readonly task: TaskView
  readonly spec: TaskSpec | null
  readonly explanation: Explanation | null
  /** Oldest first. */
  readonly events: readonly TaskEvent[]
  /** Oldest first; as much as could be had. */
  readonly output: readonly LogLine[]
  /** What of the output is missing, in a sentence. */
  readonly outputNote: string | null
}

/** Where a history is from, as far as that is known. */
export interface HistoryOrigin {
  readonly logId: string | undefined
  readonly clusterId: string | undefined
}

export interface SavedOutput {
  readonly lines: readonly LogLine[]
  readonly note: string | null
}

/** The file of a history as it stands, for whoever it will be sent to: without the values of any variable. */
export function historyFileOf(history: TaskHistory, origin: HistoryOrigin, output: SavedOutput): HistoryFile {
  const { task, spec, explanation, steps } = history
  return {
    format: historyFormat,
    version,
    savedAtMs: Date.now(),
    logId: origin.logId ?? null,
    clusterId: origin.clusterId ?? null,
    task,
    spec: spec === undefined ? null : shownSpec(spec, false),
    explanation: explanation === undefined ? null : { ...explanation, spec: shownSpec(explanation.spec, false) },
    events: steps.map(({ event }) => event),
    output: output.lines,
    outputNote: output.note,
  }
}

/** What a file holds. */
export type Opened =
  | {
      readonly type: 'history'
      readonly history: TaskHistory
      readonly origin: HistoryOrigin
      readonly savedAtMs: number
      /** Why contexts are not known, where they are not. */
      readonly unknown: string | undefined
    }
  | { readonly type: 'chart'; readonly graph: ChartGraph }
  /** It is neither: why, in a sentence. */
  | { readonly type: 'wrong'; readonly why: string }

/** Reads the text of a file. */
export function readSaved(text: string): Opened {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return wrong('It is not JSON. A history is saved with "Save history" on a task\'s page.')
  }
  return openSaved(value)
}

/** As `readSaved`, of what was parsed already. */
export function openSaved(value: unknown): Opened {
  const format = (value as { readonly format?: unknown } | null)?.format
  if (format === historyFormat) return openHistory(value as Partial<HistoryFile>)
  if (format === chartFormat) return openChart(value)
  const name = typeof format === 'string' ? format : undefined
  if (name?.startsWith('troupe.') === true) {
    return wrong(
      `It is a "${name.slice(0, 60)}", which this version does not read; open it with the version that made it.`,
    )
  }
  return wrong('It is JSON, but no history of a task and no chart of Troupe.')
}

function openHistory(file: Partial<HistoryFile>): Opened {
  const fault = faultOf(file)
  if (fault !== undefined) return wrong(`It says that it is a history, but is damaged: ${fault}.`)
  const { task, spec, explanation, events, savedAtMs, logId, clusterId, output } = file as HistoryFile
  const { steps, divergence } = replayed(
    { spec: spec ?? undefined, decision: explanation?.decision ?? undefined },
    events,
  )
  const history: TaskHistory = {
    task,
    spec: spec ?? undefined,
    explanation: explanation ?? undefined,
    steps,
    isTrimmed: events[0] !== undefined && events[0].event.type !== 'Created',
    source: 'file',
    nowMs: savedAtMs,
    output,
  }
  const unknown = divergence === undefined ? undefined : divergenceText(divergence)
  const origin = { logId: logId ?? undefined, clusterId: clusterId ?? undefined }
  return { type: 'history', history, origin, savedAtMs, unknown }
}

function openChart(value: unknown): Opened {
  const fault = faultOfGraph(value)
  return fault === undefined
    ? { type: 'chart', graph: value as ChartGraph }
    : wrong(`It says that it is a chart, but is damaged: ${fault}.`)
}

function faultOf({ task, spec, explanation, events, savedAtMs, output, logId, clusterId }: Partial<HistoryFile>) {
  if (!matches(TaskView, task)) return `in "task", ${firstFault(TaskView, task)}`
  if (spec !== null && !matches(TaskSpec, spec)) return `in "spec", ${firstFault(TaskSpec, spec)}`
  if (!Array.isArray(events)) return 'it has no list "events"'
  const bad = events.findIndex((event) => !matches(TaskEvent, event))
  if (bad >= 0) return `in "events", at ${bad}, ${firstFault(TaskEvent, events[bad])}`
  if (events.some(({ taskId }) => taskId !== task?.id)) return 'its events are of several tasks'
  if (typeof savedAtMs !== 'number' || !Number.isFinite(savedAtMs)) return '"savedAtMs" is no time'
  if (logId !== null && typeof logId !== 'string') return '"logId" is no text'
  if (typeof (clusterId ?? '') !== 'string') return '"clusterId" is no text'
  if (!Array.isArray(output) || !output.every(isLine)) return '"output" is no list of lines'
  return explanation === null ? undefined : faultOfExplanation(explanation)
}

function faultOfExplanation(explanation: unknown): string | undefined {
  const { attempts, timers, decision, schedulers = [] } = (explanation ?? {}) as Partial<Explanation>
  if (!Array.isArray(attempts) || !Array.isArray(timers)) return '"explanation" lacks its attempts or timers'
  const isDecided = Array.isArray(schedulers) && schedulers.every((one) => matches(PlacementDecision, one))
  if (!isDecided) return 'what schedulers would decide, in "explanation", is no list of decisions'
  if (decision === null) return undefined
  const lists = [decision?.scores, decision?.refusals]
  return lists.every(Array.isArray) ? undefined : 'the decision in "explanation" lacks its scores or refusals'
}

function isLine(line: unknown): boolean {
  const { text, stream, attempt } = (line ?? {}) as Partial<LogLine>
  return typeof text === 'string' && (stream === 'stdout' || stream === 'stderr') && typeof attempt === 'number'
}

const wrong = (why: string): Opened => ({ type: 'wrong', why })
