/**
 * One task's history from its manager, live: why it is where it is, the durable log from its beginning, and each
 * transition as it happens. It goes on by itself over lost connections and restarts of the manager.
 */
import type { TaskEvent, TaskView } from '../../../actors/model.ts'
import { type ErrorCode, TroupeError } from '../../../actors/protocol/errors.ts'
import type { EventStream } from '../../../runtime/client/event-stream.ts'
import type { TaskRef } from '../../../runtime/client/task-ref.ts'
import type { Explanation, Troupe } from '../../../runtime/client/troupe.ts'
import type { HistoryStep } from './history.ts'
import { type Divergence, Replay } from './replay.ts'

/** What is known of the task so far. */
export interface Loaded {
  readonly task: TaskView
  readonly explanation: Explanation
  readonly steps: readonly HistoryStep[]
  readonly divergence: Divergence | undefined
  /** The log that the steps are of; undefined until the manager has said. */
  readonly logId: string | undefined
  /** Why the manager knows nothing of it any more, in a sentence: what was read before is all that is left. */
  readonly gone: string | undefined
  /** When it was put together, in milliseconds since 1970. */
  readonly nowMs: number
}

export type HistoryState =
  | { readonly type: 'loading' }
  | { readonly type: 'loaded'; readonly loaded: Loaded }
  /** There is no such task, or more than one, or something else; `message` is a sentence for people. */
  | { readonly type: 'failed'; readonly code: ErrorCode | undefined; readonly message: string }

export interface HistoryOptions {
  readonly troupe: Pick<Troupe, 'get' | 'events'>
  /** A task's id, or a beginning of it that is clear. */
  readonly id: string
  readonly onState: (state: HistoryState) => void
}

export const historyLoadLimits = {
  /** Changes that come within this time are told as one, in milliseconds. */
  gatherMs: 30,
  /** Why a task is where it is is asked for again at most this often, in milliseconds. */
  explainMs: 400,
  /** The first picture is not shown before the log has come, or this time has passed, in milliseconds. */
  firstMs: 1_500,
  /** Whether a task that has ended is still kept is asked this often, in milliseconds: nobody tells when it is trimmed. */
  keptMs: 30_000,
} as const

export class HistoryLoad {
  readonly #options: HistoryOptions
  readonly #closing = new AbortController()
  #ref: TaskRef | undefined
  #task: TaskView | undefined
  #explanation: Explanation | undefined
  #events: TaskEvent[] = []
  #replay: Replay | undefined
  #stream: EventStream | undefined
  #telling: ReturnType<typeof setTimeout> | undefined
  #asking: ReturnType<typeof setTimeout> | undefined
  #keeping: ReturnType<typeof setTimeout> | undefined
  #gone: string | undefined
  #isFirstOver = false

  constructor(options: HistoryOptions) {
    this.#options = options
    options.onState({ type: 'loading' })
    void this.#open()
  }

  /** Lets go of all that it listens to; nothing is told after it. */
  close(): void {
    this.#closing.abort()
    clearTimeout(this.#telling)
    clearTimeout(this.#asking)
    clearTimeout(this.#keeping)
    this.#stream?.close()
  }

  async #open(): Promise<void> {
    const { troupe, id } = this.#options
    const { signal } = this.#closing
    try {
      const ref = await this.#patiently(() => troupe.get(id, { signal }))
      this.#ref = ref
      this.#task = ref.getSnapshot().context
      const subscription = ref.subscribe((snapshot) => {
        this.#task = snapshot.context
        this.#tellSoon()
      })
      signal.addEventListener('abort', () => subscription.unsubscribe())
      this.#explanation = await this.#patiently(() => ref.explain({ signal }))
      void this.#follow(ref)
      this.#askWhetherKept()
      setTimeout(() => {
        this.#isFirstOver = true
        this.#tellSoon()
      }, historyLoadLimits.firstMs)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** What a manager that is away would answer is asked again until it is back. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if (this.#closing.signal.aborted || !(error instanceof TroupeError && error.code === 'Unavailable')) throw error
        await new Promise((resolve) => setTimeout(resolve, historyLoadLimits.explainMs))
      }
    }
  }

  async #follow(ref: TaskRef): Promise<void> {
    try {
      const { signal } = this.#closing
      // What was read stays: it may be trimmed at the manager, and be here only.
      const onReset = () => this.#explainSoon()
      this.#stream = this.#options.troupe.events({ filter: { ids: [ref.id] }, from: 'snapshot', signal, onReset })
      for await (const event of this.#stream) {
        this.#push(event)
        this.#tellSoon()
        this.#explainSoon()
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  #push(event: TaskEvent): void {
    const last = this.#events.at(-1)
    // A task is created once, and revisions rise: this is another log, of a store that began anew.
    if (last !== undefined && (event.event.type === 'Created' || event.revision < last.revision)) {
      this.#events = []
      this.#replay = undefined
    }
    this.#events.push(event)
  }

  #askWhetherKept(): void {
    this.#keeping = setTimeout(() => {
      if (this.#task?.outcome !== null) this.#explainSoon()
      if (this.#gone === undefined) this.#askWhetherKept()
    }, historyLoadLimits.keptMs)
  }

  #explainSoon(): void {
    if (this.#asking !== undefined || this.#ref === undefined) return
    this.#asking = setTimeout(() => {
      this.#asking = undefined
      void this.#explain()
    }, historyLoadLimits.explainMs)
  }

  async #explain(): Promise<void> {
    try {
      const asked = await this.#ref?.explain({ signal: this.#closing.signal })
      if (asked === undefined) return
      if (asked.task.revision >= (this.#task?.revision ?? -1)) this.#task = asked.task
      this.#explanation = asked
      this.#tellSoon()
    } catch (error) {
      if (error instanceof TroupeError && error.code === 'NotFound') this.#end(error.message)
      // Else the next transition asks again; what is shown until then is what was true before.
    }
  }

  /** Nothing more will be heard of it. */
  #end(why: string): void {
    this.#gone = why
    this.#stream?.close()
    clearTimeout(this.#keeping)
    this.#tellSoon()
  }

  #tellSoon(): void {
    if (this.#telling !== undefined || this.#closing.signal.aborted) return
    this.#telling = setTimeout(() => {
      this.#telling = undefined
      this.#tell()
    }, historyLoadLimits.gatherMs)
  }

  #tell(): void {
    const [task, explanation] = [this.#task, this.#explanation]
    if (task === undefined || explanation === undefined) return
    if (this.#events.length === 0 && !this.#isFirstOver) return
    const { steps, divergence } = this.#replayed(explanation)
    const logId = this.#stream?.position?.logId
    const [gone, nowMs] = [this.#gone, Date.now()]
    const loaded: Loaded = { task, explanation, steps: [...steps], divergence, logId, gone, nowMs }
    this.#options.onState({ type: 'loaded', loaded })
  }

  #replayed({ spec, decision }: Explanation): Replay {
    this.#replay ??= new Replay({ spec, decision: undefined })
    for (const event of this.#events.slice(this.#replay.steps.length)) this.#replay.push(event)
    if (decision !== null) this.#replay.decide(decision)
    return this.#replay
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted) return
    const code = error instanceof TroupeError ? error.code : undefined
    this.#options.onState({ type: 'failed', code, message: error instanceof Error ? error.message : String(error) })
  }
}
