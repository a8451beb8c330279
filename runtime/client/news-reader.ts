/**
 * The life of a reader that follows one topic until it is closed: it hears on whatever connection there is, again after each
 * that is lost, and gives out what waits. What waits, and how a topic is heard, its own kind of reader says.
 */
import { onAbort } from './abort.ts'
import { backOffMs, pause } from './back-off.ts'
import type { Client, SubscribeOptions } from './client.ts'
import { isRetryable, type Link } from './link.ts'
import type { Subscription, SubscriptionHandlers } from './subscription.ts'
import { limitTime, type StreamOptions } from './time-limit.ts'

export interface NewsSource extends StreamOptions {
  readonly link: Link
  /** Called once, when it was closed or has failed. */
  readonly onClosed: (closed: NewsReader<unknown>) => void
}

/** How one connection is heard on. */
export interface Hearing {
  readonly ask: SubscribeOptions
  readonly handlers: Omit<SubscriptionHandlers, 'onEnd'>
}

export abstract class NewsReader<News> implements AsyncIterable<News> {
  readonly #source: NewsSource
  readonly #closing = new AbortController()
  #forget: () => void = () => {}
  #error: unknown
  #wake: (() => void) | undefined

  protected constructor(source: NewsSource) {
    this.#source = source
  }

  /** Called last by the constructor of each kind, when all of it is there. `what` ends "Not within 5 s: …". */
  protected begin(what: string): void {
    const ends = { onAbort: () => this.close(), onLate: (error: unknown) => this.fail(error) }
    this.#forget = limitTime(this.#source.link.clock, what, this.#source, ends)
    if (this.isClosed) this.#forget()
    else void this.#hear()
  }

  /** Takes what is to be read next; undefined if nothing waits. */
  protected abstract next(): News | undefined

  /** Forgets what waits. */
  protected abstract drop(): void

  /** How to hear on this connection. `stream` answers once it was asked. */
  protected abstract hearing(client: Client, stream: () => Subscription): Hearing

  /** Something that is another after each connection on which it got on: then the next is tried for at once. */
  protected abstract progress(): unknown

  /** Whether trying again is of no use. */
  protected isFinal(error: unknown): boolean {
    return !isRetryable(error)
  }

  get isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  close(): void {
    this.drop()
    this.fail(undefined)
  }

  /** What waits is still read, then it throws. */
  fail(error: unknown): void {
    if (this.isClosed) return
    this.#error = error
    this.#closing.abort()
    this.#forget()
    this.#source.onClosed(this)
    this.wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<News, void> {
    try {
      for (;;) {
        const news = this.next()
        if (news !== undefined) yield news
        else if (this.#error !== undefined) throw this.#error
        else if (this.isClosed) return
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          this.#wake = undefined
        }
      }
    } finally {
      this.close()
    }
  }

  /** There may be something to read. */
  protected wake(): void {
    this.#wake?.()
  }

  async #hear(): Promise<void> {
    const { link } = this.#source
    const { signal } = this.#closing
    for (let tries = 0; !signal.aborted; tries += 1) {
      const before = this.progress()
      try {
        const client = await link.client()
        if (!signal.aborted) await this.#hearOn(client)
      } catch (error) {
        if (this.isFinal(error)) return this.fail(error)
      }
      if (this.progress() !== before) tries = 0
      await pause(link.clock, backOffMs(tries, link.random), signal)
    }
  }

  /** Resolves when it was closed. Rejects with what ended the subscription. */
  #hearOn(client: Client): Promise<void> {
    return new Promise((resolve, reject) => {
      const { ask, handlers } = this.hearing(client, () => stream)
      const stream: Subscription = client.subscribe(ask, {
        ...handlers,
        onEnd: (error) => {
          forget()
          reject(error)
        },
      })
      const forget = onAbort(this.#closing.signal, () => {
        void stream.close()
        resolve()
      })
    })
  }
}
