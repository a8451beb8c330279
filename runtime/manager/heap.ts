/** A binary heap that knows where each item is, so that one from the middle can leave in logarithmic time too. */
export class Heap<Item> {
  readonly #precedes: (a: Item, b: Item) => boolean
  readonly #items: Item[] = []
  readonly #positions = new Map<Item, number>()

  /** `precedes` is a strict order; what it is based on must not change while an item is in the heap. */
  constructor(precedes: (a: Item, b: Item) => boolean) {
    this.#precedes = precedes
  }

  get size(): number {
    return this.#items.length
  }

  /** The first in order, or undefined. */
  peek(): Item | undefined {
    return this.#items[0]
  }

  has(item: Item): boolean {
    return this.#positions.has(item)
  }

  /** Adds an item; one that is in it already stays where it is. */
  push(item: Item): void {
    if (this.#positions.has(item)) return
    this.#put(this.#items.length, item)
    this.#rise(this.#items.length - 1)
  }

  /** Takes an item out, wherever it is; nothing happens if it is not in it. */
  remove(item: Item): void {
    const at = this.#positions.get(item)
    if (at === undefined) return
    const last = this.#items.pop() as Item
    this.#positions.delete(item)
    if (last === item) return
    this.#put(at, last)
    this.#sink(at)
    this.#rise(at)
  }

  #put(at: number, item: Item): void {
    this.#items[at] = item
    this.#positions.set(item, at)
  }

  #rise(from: number): void {
    const item = this.#items[from] as Item
    let at = from
    while (at > 0) {
      const parentAt = (at - 1) >> 1
      const parent = this.#items[parentAt] as Item
      if (!this.#precedes(item, parent)) break
      this.#put(at, parent)
      at = parentAt
    }
    this.#put(at, item)
  }

  #sink(from: number): void {
    const item = this.#items[from] as Item
    let at = from
    for (;;) {
      let childAt = 2 * at + 1
      const right = this.#items[childAt + 1]
      if (right !== undefined && this.#precedes(right, this.#items[childAt] as Item)) childAt += 1
      const child = this.#items[childAt]
      if (child === undefined || !this.#precedes(child, item)) break
      this.#put(at, child)
      at = childAt
    }
    this.#put(at, item)
  }
}
