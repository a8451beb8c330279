/**
 * A task's life as bars, one per attempt, each split into what it did when. Read from the steps of the log alone: a phase lasts from the
 * step that began it to the step that began the next, by the times that the manager wrote down.
 */
import type { TaskEvent } from '../../../../actors/model.ts'
import { endText } from './event-text.ts'

/** What an attempt may be at, in the order in which it usually is. */
export const phaseKinds = [
  'backing-off',
  'waiting',
  'pulling',
  'starting',
  'running',
  'stopping',
  'unreachable',
] as const
export type PhaseKind = (typeof phaseKinds)[number]

export const phaseWords: Readonly<Record<PhaseKind, string>> = {
  'backing-off': 'backing off',
  waiting: 'waiting',
  pulling: 'pulling',
  starting: 'starting',
  running: 'running',
  stopping: 'stopping',
  unreachable: 'unreachable',
}

export interface Phase {
  readonly kind: PhaseKind
  /** Milliseconds since 1970. */
  readonly fromMs: number
  readonly toMs: number
  /** The step that began it: an index of the steps. */
  readonly step: number
  /** It has not ended. */
  readonly isOpen: boolean
}

export type EndTone = 'good' | 'bad' | 'plain'

export interface AttemptBar {
  /** From 1; of one that was never placed, the number that it would have had at least. */
  readonly attempt: number
  /** It got a node. Before that it only waits, or backs off from the attempt before. */
  readonly isPlaced: boolean
  readonly node: string | undefined
  readonly phases: readonly Phase[]
  /** How it ended, for people; undefined while it has not. */
  readonly end: string | undefined
  /** What to make of its end: `plain` where it was ended on purpose. */
  readonly tone: EndTone
}

interface OpenBar {
  attempt: number
  isPlaced: boolean
  node: string | undefined
  phases: Phase[]
  end: string | undefined
  tone: EndTone
}

type Step = { readonly event: TaskEvent }

/** What a state path means for an attempt; undefined once nothing is left to be done. */
export function phaseOf(path: string): PhaseKind | undefined {
  const [top, detail] = path.split('.')
  if (top === 'Pending') return detail === 'BackingOff' ? 'backing-off' : 'waiting'
  if (top !== 'Scheduled' && top !== 'Running') return undefined
  if (detail === 'Stopping') return 'stopping'
  if (detail === 'Unreachable') return 'unreachable'
  if (top === 'Running') return 'running'
  return detail === 'Pulling' ? 'pulling' : 'starting'
}

const isPending = (path: string) => path === 'Pending' || path.startsWith('Pending.')

/**
 * The bars of these steps, oldest attempt first. What goes on is drawn up to `untilMs`, in milliseconds since 1970. The wait and the back-off
 * before an attempt are its own.
 */
export function barsOf(steps: readonly Step[], untilMs: number): AttemptBar[] {
  const bars: OpenBar[] = []
  for (const [index, { event }] of steps.entries()) {
    const bar = barOf(bars, event)
    if (event.node !== undefined && !isPending(event.to)) bar.node = event.node
    const kind = phaseOf(event.to)
    const leaves = kind === undefined || (isPending(event.to) && !isPending(event.from) && event.from !== '')
    const last = bar.phases.at(-1)
    if (last?.isOpen && last.kind === kind && !leaves) continue
    closePhase(bars, event.atMs)
    if (leaves) conclude(isPending(event.from) ? bar : (bars.findLast(({ isPlaced }) => isPlaced) ?? bar), event)
    if (kind !== undefined) {
      bar.phases.push({ kind, fromMs: event.atMs, toMs: event.atMs, step: index, isOpen: true })
    }
  }
  const last = bars.at(-1)?.phases.at(-1)
  if (last?.isOpen) (bars.at(-1) as OpenBar).phases.splice(-1, 1, { ...last, toMs: Math.max(last.fromMs, untilMs) })
  return bars.map((bar) => ({
    ...bar,
    phases: bar.phases.filter(({ fromMs, toMs, isOpen }) => isOpen || toMs > fromMs),
  }))
}

/** The bar that the event leads into: a new one when an attempt is over and the task waits again. */
function barOf(bars: OpenBar[], { event, attempt, to }: TaskEvent): OpenBar {
  const last = bars.at(-1)
  if (isPending(to)) {
    return last !== undefined && !last.isPlaced ? last : open(bars, attempt + 1, false)
  }
  if (last === undefined || (last.isPlaced && event.type === 'Placed'))
    return open(bars, Math.max(attempt, 1), attempt > 0)
  // Numbers may have been left out: after a restored backup, those that a lost past may have used.
  if (event.type === 'Placed' || (!last.isPlaced && phaseOf(to) !== undefined)) {
    last.attempt = attempt
    last.isPlaced = true
  }
  return last
}

function open(bars: OpenBar[], attempt: number, isPlaced: boolean): OpenBar {
  const bar = { attempt, isPlaced, node: undefined, phases: [], end: undefined, tone: 'plain' as const }
  bars.push(bar)
  return bar
}

function closePhase(bars: OpenBar[], atMs: number): void {
  for (const { phases } of bars.slice(-2)) {
    const last = phases.at(-1)
    // A clock that was set back does not make a phase last less than no time.
    if (last?.isOpen) phases.splice(-1, 1, { ...last, toMs: Math.max(last.fromMs, atMs), isOpen: false })
  }
}

function conclude(bar: OpenBar, event: TaskEvent): void {
  bar.end = endText(event)
  const isZero = (event.event as { exitCode?: unknown }).exitCode === 0
  bar.tone = isZero ? 'good' : event.to === 'Completed' ? 'plain' : 'bad'
}

/** `Attempt 2`; of one that has got no node, `No attempt yet`, or for a later one `No attempt 2 yet`. */
export function attemptName({ attempt, isPlaced, end }: Pick<AttemptBar, 'attempt' | 'isPlaced' | 'end'>): string {
  if (isPlaced) return `Attempt ${attempt}`
  return `No attempt${attempt === 1 ? '' : ` ${attempt}`}${end === undefined ? ' yet' : ''}`
}

/** How long the bar was at each kind of phase in all, in milliseconds; what it never was at is not in it. */
export function totalsOf({ phases }: Pick<AttemptBar, 'phases'>): ReadonlyMap<PhaseKind, number> {
  const totals = new Map<PhaseKind, number>()
  for (const { kind, fromMs, toMs } of phases) totals.set(kind, (totals.get(kind) ?? 0) + toMs - fromMs)
  return totals
}

/**
 * When the bars begin, in milliseconds since 1970, and how many they last: at least 1, also where nothing has taken any time
 * and so no bar has a phase.
 */
export function extentOf(bars: readonly Pick<AttemptBar, 'phases'>[]): {
  readonly fromMs: number
  readonly spanMs: number
} {
  const phases = bars.flatMap((bar) => bar.phases)
  if (phases.length === 0) return { fromMs: 0, spanMs: 1 }
  const fromMs = Math.min(...phases.map((phase) => phase.fromMs))
  return { fromMs, spanMs: Math.max(1, Math.max(...phases.map(({ toMs }) => toMs)) - fromMs) }
}
