/**
 * Very many rows, kept in the order of their creation. What is new is nearly always the newest, so that the rows stand
 * oldest first and new ones go to the end; a batch from the past is merged in one pass over what is newer than it.
 */

export interface Ordered {
  readonly id: string
  readonly createdAtMs: number
}

export class OrderedRows<Row extends Ordered> {
  /** Comparisons, moves and visits so far: what a change costs, whatever machine it runs on. */
  operations = 0
  #rows: Row[] = []

  get count(): number {
    return this.#rows.length
  }

  /** Newest first. */
  at(index: number): Row | undefined {
    return this.#rows[this.#rows.length - 1 - index]
  }

  /** Newest first; past the end there is nothing. */
  slice(from: number, to: number): Row[] {
    const rows: Row[] = []
    for (let index = Math.max(0, from); index < Math.min(to, this.count); index += 1) rows.push(this.at(index) as Row)
    return rows
  }

  /** Where a row of this kind stands, newest first; -1 where it is not among them. */
  indexOf(row: Ordered): number {
    let low = 0
    let high = this.#rows.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#isBefore(this.#rows[middle] as Row, row)) low = middle + 1
      else high = middle
    }
    return this.#rows[low]?.id === row.id ? this.#rows.length - 1 - low : -1
  }

  /** None of them may be among the rows already. */
  insert(batch: Row[]): void {
    if (batch.length === 0) return
    batch.sort((one, other) => (this.#isBefore(one, other) ? -1 : 1))
    const rows = this.#rows
    let from = rows.length - 1
    let to = rows.length + batch.length - 1
    let next = batch.length - 1
    // Room without holes: an array that is written far beyond its end becomes a slow one.
    for (const row of batch) rows.push(row)
    // From the end, until the last of the batch has its place: what is older than it stays where it is.
    while (next >= 0) {
      const row = batch[next] as Row
      if (from >= 0 && this.#isBefore(row, rows[from] as Row)) {
        rows[to] = rows[from] as Row
        from -= 1
      } else {
        rows[to] = row
        next -= 1
      }
      to -= 1
      this.operations += 1
    }
  }

  /** In one pass, however many. */
  remove(gone: ReadonlySet<Row>): void {
    if (gone.size === 0) return
    this.operations += this.#rows.length
    this.#rows = this.#rows.filter((row) => !gone.has(row))
  }

  /** Instead of all that was: of rows that are in order already, oldest first. */
  replace(rows: Row[]): void {
    this.#rows = rows
  }

  /** Oldest first. */
  [Symbol.iterator](): IterableIterator<Row> {
    return this.#rows[Symbol.iterator]()
  }

  #isBefore(one: Ordered, other: Ordered): boolean {
    this.operations += 1
    if (one.createdAtMs !== other.createdAtMs) return one.createdAtMs < other.createdAtMs
    return one.id > other.id
  }
}
