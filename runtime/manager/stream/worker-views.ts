/**
 * What workers show of their machines, while somebody watches: each is asked for what all subscribers together follow, and
 * what it answers is kept as the newest of each machine, so that whoever subscribes next sees it at once.
 */
import { actorIds, bytesOfActor, gone, seen, viewAfter } from '../../../actors/inspection.ts'
import { type ActorStep, type ActorView, inspectionLimits } from '../../../actors/protocol/inspection.ts'
import type { WorkerMessages } from '../../../actors/protocol/session.ts'
import type { Clock } from '../../clock.ts'
import type { WorkerSession } from '../worker-session.ts'

export const workerViewLimits = {
  /** How long a snapshot waits for workers that have not answered, in milliseconds. Those of before never do. */
  answerMs: 1_000,
} as const

/** What a worker is asked to show. */
export interface Ask {
  readonly hosts: boolean
  readonly taskIds: string[]
}

export interface WorkerViewsOptions {
  readonly clock: Clock
  /** Those that were welcomed and stand. */
  readonly sessions: () => Iterable<WorkerSession>
  readonly askOf: (session: WorkerSession) => Ask
  readonly tell: (step: ActorStep, bytes: number) => void
  /** Steps of this worker were left out. */
  readonly miss: (session: WorkerSession, count: number) => void
}

/** One worker that was asked. */
interface Side {
  readonly session: WorkerSession
  seq: number
  asked: string
  /** It has answered what it was asked last, or has let its time pass. */
  isDone: boolean
  /** It has ever answered; one of before never does. */
  hasAnswered: boolean
  /** Pages of an answer that is not whole. */
  page: ActorView[]
  views: Map<string, ActorView>
}

const nothing = JSON.stringify({ hosts: false, taskIds: [] } satisfies Ask)

export class WorkerViews {
  readonly #options: WorkerViewsOptions
  readonly #sides = new Map<string, Side>()
  readonly #waiters = new Set<() => void>()
  #seq = 0

  constructor(options: WorkerViewsOptions) {
    this.#options = options
  }

  /** Everything that is known now. */
  *all(): Generator<readonly [session: WorkerSession, view: ActorView]> {
    for (const { session, views } of this.#sides.values()) for (const view of views.values()) yield [session, view]
  }

  /** What is followed has changed. */
  ask(): void {
    for (const session of this.#options.sessions()) this.#ask(session)
  }

  /** Nobody follows anything any more. */
  end(): void {
    for (const side of this.#sides.values()) {
      if (side.asked === nothing) continue
      this.#seq += 1
      side.session.inspect({ type: 'Inspect', seq: this.#seq, hosts: false, taskIds: [] })
    }
    this.#sides.clear()
    this.#settle()
  }

  /** Resolves when all that were asked have answered, or have had their time. */
  answered(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel()
        this.#waiters.delete(done)
        resolve()
      }
      const late = () => {
        for (const side of this.#sides.values()) side.isDone = true
        this.#settle()
      }
      const cancel = this.#options.clock.setTimer(late, workerViewLimits.answerMs)
      this.#waiters.add(done)
      this.#settle()
    })
  }

  #settle(): void {
    for (const { isDone } of this.#sides.values()) if (!isDone) return
    for (const done of [...this.#waiters]) done()
  }

  /** A worker was welcomed, while somebody watches. */
  onWelcome(session: WorkerSession): void {
    const before = this.#sides.get(session.nodeId)
    if (before !== undefined && before.session !== session) this.#forget(before)
    this.#ask(session)
  }

  onGone(session: WorkerSession): void {
    const side = this.#sides.get(session.nodeId)
    if (side?.session === session) this.#forget(side)
  }

  #forget(side: Side): void {
    this.#sides.delete(side.session.nodeId)
    for (const view of side.views.values()) this.#tell(gone(view, this.#options.clock.nowMs()))
    this.#settle()
  }

  #ask(session: WorkerSession): void {
    const ask = this.#options.askOf(session)
    const asked = JSON.stringify(ask)
    const known = this.#sides.get(session.nodeId)
    if ((known?.asked ?? nothing) === asked) return
    this.#seq += 1
    const side = known ?? { session, seq: 0, asked, isDone: false, hasAnswered: false, page: [], views: new Map() }
    // One that had its time and has never answered is not waited for again.
    const isMute = known?.isDone === true && !known.hasAnswered
    this.#sides.set(session.nodeId, Object.assign(side, { seq: this.#seq, asked, page: [], isDone: isMute }))
    if (asked === nothing) this.#refresh(Object.assign(side, { isDone: true }), [])
    session.inspect({ type: 'Inspect', seq: this.#seq, ...ask })
  }

  take(session: WorkerSession, message: WorkerMessages['Inspected']): void {
    const side = this.#sides.get(session.nodeId)
    if (side?.session !== session || side.seq !== message.seq) return
    const { actors, more, steps = [], missed } = message
    if (actors !== undefined) {
      // Whatever it says: it is not held without end.
      const room = inspectionLimits.inspectedActorsMax - side.page.length
      side.page.push(...actors.filter((view) => isOf(session, view)).slice(0, room))
      if (more !== true) {
        this.#refresh(side, side.page.splice(0))
        side.isDone = true
        side.hasAnswered = true
        this.#settle()
      }
    }
    if (missed !== undefined) this.#options.miss(session, missed)
    for (const step of steps) {
      if (!isOf(session, step)) continue
      const after = viewAfter(side.views.get(step.id), step)
      if (after === undefined) side.views.delete(step.id)
      else this.#keep(side, after)
      this.#tell(step)
    }
  }

  #keep(side: Side, view: ActorView): void {
    if (side.views.size < inspectionLimits.inspectedActorsMax || side.views.has(view.id)) side.views.set(view.id, view)
  }

  /** The whole of what it shows: told to everyone as far as it is not what was known. */
  #refresh(side: Side, views: readonly ActorView[]): void {
    const nowMs = this.#options.clock.nowMs()
    const before = side.views
    side.views = new Map()
    for (const view of views) {
      const known = before.get(view.id)
      before.delete(view.id)
      this.#keep(side, view)
      if (known === undefined || !isSame(known, view)) this.#tell(seen(view, known?.value ?? '', nowMs))
    }
    for (const view of before.values()) this.#tell(gone(view, nowMs))
  }

  #tell(step: ActorStep): void {
    this.#options.tell(step, bytesOfActor(step))
  }
}

/** What was stepped while the worker was asked anew comes with the answer alone, and may have changed no more than a context. */
const isSame = (known: ActorView, { value, status, atMs, context }: ActorView): boolean =>
  known.value === value &&
  known.status === status &&
  known.atMs === atMs &&
  JSON.stringify(known.context) === JSON.stringify(context)

/** A worker speaks for its own machines only. */
function isOf({ nodeId }: WorkerSession, { id, machine, nodeId: on, taskId = '', attempt = 0 }: ActorView | ActorStep) {
  if (on !== nodeId) return false
  if (machine === 'attempt') return id === actorIds.attempt(taskId, attempt)
  return (machine === 'worker' || machine === 'session') && id === actorIds[machine](nodeId)
}
