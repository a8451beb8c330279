/**
 * How many tasks a second find their node: queue, decision and reservation, in one thread and without a store. The cluster
 * stays as full as it is said to be, since for each task that comes the oldest goes.
 */
import type { Ask, Scheduler } from '../../actors/schedulers/scheduler.ts'
import { type Bench, figure, type Row, type Size } from './bench.ts'
import { built } from './built.ts'

type Placement = import('../../runtime/manager/placement.ts').Placement

const nodeCounts = [10, 1_000, 10_000] as const
/** The share of nodes on which nothing more fits. */
const fulls = [0, 0.95] as const
const spells = 3
const spellMs = 400
const GiB = 2 ** 30
/** What a node offers, and each of its tasks takes about a hundredth of. */
const offered = { cpus: 16, memoryBytes: 64 * GiB }
/** So many kinds of tasks come in turn. */
const kinds = 10

const asks: readonly Ask[] = Array.from({ length: kinds }, (_, at) => ({
  driver: 'docker',
  reserved: { cpus: 0.05 + at / 50, memoryBytes: (1 + at) * 64 * 2 ** 20 },
  constraints: at % 2 === 0 ? [] : ['disk=ssd'],
}))

/** Ids as they are made, in no order that means anything. */
const nodeIdOf = (at: number): string => ((at * 2_654_435_761) % 2 ** 32).toString(36).padStart(7, '0')

class Loop {
  readonly #placement: Placement
  /** How many tasks are placed before the oldest goes: no node is made full by them. */
  readonly #live: number
  readonly #placed: string[] = []
  #seq = 0
  #gone = 0

  constructor(placement: Placement, nodes: number, full: number) {
    this.#placement = placement
    this.#live = Math.min(20_000, nodes * 2)
    for (let at = 0; at < nodes; at += 1) {
      const nodeId = nodeIdOf(at)
      const node = { state: 'Ready', draining: false, offered, drivers: { docker: 'complete' } } as const
      this.#placement.setNode({ nodeId, name: `node-${at}`, labels: { disk: 'ssd' }, ...node })
      if (at < Math.floor(full * nodes)) this.#placement.reserve(nodeId, `full-${at}`, 1, offered)
    }
  }

  /** One task comes and is placed, and the oldest goes. */
  step(): void {
    const taskId = `t${this.#seq}`
    const ask = asks[this.#seq % kinds] as Ask
    this.#seq += 1
    this.#placement.enqueue(taskId, ask, this.#seq)
    const placed = this.#placement.next(0)
    if (placed === undefined) throw new Error(`no node for ${taskId}: ${this.#placement.verdict(taskId, 0)?.why}`)
    this.#placement.reserve(placed.nodeId, taskId, 1, ask.reserved)
    this.#placed.push(placed.nodeId)
    if (this.#placed.length - this.#gone <= this.#live) return
    this.#placement.release(this.#placed[this.#gone] as string, `t${this.#gone}`, 1)
    this.#gone += 1
  }

  spell(ms: number): Spell {
    const from = process.hrtime.bigint()
    const cpuFrom = process.cpuUsage()
    let spentMs = 0
    let count = 0
    while (spentMs < ms) {
      for (let at = 0; at < 100; at += 1) this.step()
      count += 100
      spentMs = Number(process.hrtime.bigint() - from) / 1e6
    }
    const { user, system } = process.cpuUsage(cpuFrom)
    return { perSecond: (count * 1_000) / spentMs, cpuMicros: (user + system) / count }
  }
}

interface Spell {
  readonly perSecond: number
  /** Processor time of each placement, which others on the machine do not stretch as they do the rate. */
  readonly cpuMicros: number
}

async function run({ scale }: Size): Promise<Row[]> {
  const { Placement } = await built<typeof import('../../runtime/manager/placement.ts')>('runtime/manager/placement.js')
  const { allSchedulers } = await built<typeof import('../../actors/schedulers/schedulers.ts')>(
    'actors/schedulers/schedulers.js',
  )
  const rows: Row[] = []
  for (const full of fulls) {
    for (const nodes of nodeCounts) {
      for (const scheduler of allSchedulers) {
        const loop = new Loop(new Placement(scheduler as Scheduler), nodes, full)
        loop.spell(spellMs * scale)
        const all = Array.from({ length: spells }, () => loop.spell(spellMs * scale))
        rows.push({
          ...{ full: `${full * 100} %`, nodes, scheduler: scheduler.name },
          'placements/s': figure(Math.min(...all.map(({ perSecond }) => perSecond))),
          'cpu µs each': figure(Math.max(...all.map(({ cpuMicros }) => cpuMicros))),
        })
      }
    }
  }
  return rows
}

export const placements: Bench = {
  name: 'placements',
  what: 'tasks that find a node, each decided and reserved; the worst of three spells',
  run,
}
