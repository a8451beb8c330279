/** What a bench is: it measures, and answers the rows of a table. Never a test: a slow machine is no defect. */
export type Row = Readonly<Record<string, string | number>>

/** How large it is made, and how long it goes on. */
export interface Size {
  /** Parts of the numbers that it is meant to be run with; 1 = all of them. */
  readonly scale: number
  /** Flags for the manager's Node, `--cpu-prof` for instance. */
  readonly managerFlags: readonly string[]
  /** The same for the worker's. */
  readonly workerFlags: readonly string[]
}

export interface Bench {
  readonly name: string
  /** One sentence for people. */
  readonly what: string
  run(size: Size): Promise<Row[]>
}

export const scaled = (count: number, { scale }: Size): number => Math.max(1, Math.round(count * scale))

/** To three digits, as many as such a figure is worth. */
export const figure = (value: number): number => Number(value.toPrecision(3))

export const megabytes = (bytes: number): number => figure(bytes / 1_048_576)
