/**
 * What the page follows of its manager for as long as it is open: the changes of one kind of thing, the newest of each
 * gathered until the next frame takes them in.
 */
import { effect, signal } from '@preact/signals'
import { type Troupe, TroupeError } from '../../runtime/browser.ts'
import { refuse, troupe } from './connection.ts'

const pace = {
  /** Changes that one frame takes in; the others wait for the next. */
  changesPerFrameMax: 2_000,
  /** Between two looks at what came while nobody looks at the page, in milliseconds. */
  hiddenMs: 1_000,
  /** Before a subscription that failed is tried again, in milliseconds. */
  againMs: 5_000,
} as const

export type LoadState =
  | { readonly type: 'loading' }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly why: string }

/** What is followed, and who takes it in. */
export interface NewsKind<Change> {
  readonly watch: (opened: Troupe) => AsyncIterable<Change>
  /** Changes do not say that there is nothing: one question does. */
  readonly isEmpty: (opened: Troupe) => Promise<boolean>
  readonly idOf: (change: Change) => string
  readonly take: (changes: readonly Change[]) => void
}

export class LiveNews<Change> {
  /** Whether what was taken in is what there is. */
  readonly state = signal<LoadState>({ type: 'loading' })
  readonly #kind: NewsKind<Change>
  /** What was not taken in yet, the newest of each: a page in the background gathers no more than that. */
  readonly #waiting = new Map<string, Change>()
  #isScheduled = false

  /** Follows whatever manager the page is connected to, from now on. */
  constructor(kind: NewsKind<Change>) {
    this.#kind = kind
    effect(() => {
      const opened = troupe.value
      if (opened === undefined) return
      void this.#follow(opened)
      void this.#askWhetherEmpty(opened)
    })
  }

  /** Of a change that is known before it is told. */
  put(change: Change): void {
    const id = this.#kind.idOf(change)
    this.#waiting.delete(id)
    this.#waiting.set(id, change)
    this.#schedule()
  }

  async #follow(opened: Troupe): Promise<void> {
    while (troupe.peek() === opened) {
      try {
        for await (const change of this.#kind.watch(opened)) this.put(change)
        return
      } catch (error) {
        if (error instanceof TroupeError && error.code === 'Unauthorized') return refuse()
        this.state.value = { type: 'failed', why: error instanceof Error ? error.message : String(error) }
        await new Promise((resolve) => setTimeout(resolve, pace.againMs))
      }
    }
  }

  async #askWhetherEmpty(opened: Troupe): Promise<void> {
    try {
      const isEmpty = await this.#kind.isEmpty(opened)
      if (isEmpty && this.state.peek().type === 'loading') this.state.value = { type: 'ready' }
    } catch {
      // The subscription tells what is wrong.
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    const takeIn = () => this.#takeIn()
    if (document.hidden) setTimeout(takeIn, pace.hiddenMs)
    else requestAnimationFrame(takeIn)
  }

  #takeIn(): void {
    this.#isScheduled = false
    const changes: Change[] = []
    for (const [id, change] of this.#waiting) {
      if (changes.length === pace.changesPerFrameMax) break
      this.#waiting.delete(id)
      changes.push(change)
    }
    this.#kind.take(changes)
    if (this.state.peek().type !== 'ready') this.state.value = { type: 'ready' }
    if (this.#waiting.size > 0) this.#schedule()
  }
}
