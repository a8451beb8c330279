/** A client as applications write it: runs tasks and watches them, and notes when each was seen to be what. */
import type { TaskSpec } from '../../actors/model.ts'
import { built } from './built.ts'
import { type Counts, Histogram } from './histogram.ts'
import { answer } from './verbs.ts'

const { connect } = await built<typeof import('../../runtime/index.ts')>('runtime/index.js')

type Troupe = Awaited<ReturnType<typeof connect>>

export interface Lives {
  /** From the first submission to the last end. */
  readonly ms: number
  /** From each submission to the news that it runs, and to that of its end. */
  readonly running: Counts
  readonly ended: Counts
  /** How often each end was seen, by its state and reason. */
  readonly ends: Readonly<Record<string, number>>
}

interface Seen {
  readonly atMs: number
  isRunning: boolean
  readonly onEnd: () => void
  readonly onRunning: () => void
}

let troupe: Troupe
let running = new Histogram()
let ended = new Histogram()
let ends: Record<string, number> = {}
const seen = new Map<string, Seen>()
let lastId = 0

async function watch(): Promise<void> {
  for await (const change of troupe.watch()) {
    const task = change.type === 'Changed' ? change.task : undefined
    const one = task && seen.get(task.id)
    if (task === undefined || one === undefined) continue
    const ms = performance.now() - one.atMs
    if (!one.isRunning && task.startedAtMs !== null) {
      one.isRunning = true
      running.add(ms)
      one.onRunning()
    }
    if (task.finishedAtMs === null) continue
    const end = `${task.state} ${task.reason ?? ''}`.trim()
    ends[end] = (ends[end] ?? 0) + 1
    ended.add(ms)
    seen.delete(task.id)
    one.onEnd()
  }
}

/** Runs one; resolves when it has ended, or as soon as it runs and was asked to stop. */
async function live(spec: TaskSpec, stopsWhenRunning: boolean): Promise<void> {
  lastId += 1
  const id = `b${lastId}`
  const end = new Promise<void>((onEnd) => {
    const onRunning = () => stopsWhenRunning && void troupe.stop(id, { graceMs: 0 })
    seen.set(id, { atMs: performance.now(), isRunning: false, onEnd, onRunning })
  })
  await troupe.run(spec, { id })
  await end
}

answer({
  async open({ address, token }: { address: string; token: string }) {
    troupe = await connect(address, { token })
    void watch()
  },
  /** Resolves with the nodes that can take tasks. */
  ready: async () => (await troupe.nodes()).filter(({ state }) => state === 'Ready').length,
  async run({
    spec,
    count,
    inFlight,
    stops = false,
  }: {
    spec: TaskSpec
    count: number
    inFlight: number
    stops?: boolean
  }) {
    running = new Histogram()
    ended = new Histogram()
    ends = {}
    let left = count
    const loop = async () => {
      for (; left > 0; ) {
        left -= 1
        await live(spec, stops)
      }
    }
    const beganMs = performance.now()
    await Promise.all(Array.from({ length: Math.min(inFlight, count) }, loop))
    const ms = performance.now() - beganMs
    return { ms, running: running.counts(), ended: ended.counts(), ends } satisfies Lives
  },
})
