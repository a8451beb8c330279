/** From one that writes to one that reads, one item at a time: the writer waits until its item was taken. */

export class Handoff<T> implements AsyncIterable<T> {
  #item: { readonly value: T; readonly taken: () => void } | undefined
  #wake: (() => void) | undefined
  #ended: { readonly error: unknown } | undefined
  readonly #onLeft: () => void

  /** `onLeft`: the reader has gone, or has read to the end. */
  constructor(onLeft: () => void) {
    this.#onLeft = onLeft
  }

  /** Resolves when the item was taken, or nobody reads any more. One at a time. */
  put(value: T): Promise<void> {
    if (this.#ended) return Promise.resolve()
    return new Promise((taken) => {
      this.#item = { value, taken }
      this.#wake?.()
    })
  }

  /** No more comes; what waits is still read, then `error` is thrown if there is one. */
  end(error?: unknown): void {
    this.#ended ??= { error }
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    try {
      for (;;) {
        const item = this.#item
        if (item) {
          this.#item = undefined
          yield item.value
          item.taken()
        } else if (this.#ended) {
          if (this.#ended.error !== undefined) throw this.#ended.error
          return
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          this.#wake = undefined
        }
      }
    } finally {
      this.end()
      this.#item?.taken()
      this.#onLeft()
    }
  }
}
