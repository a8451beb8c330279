/** Many who each follow a few tasks, and some who follow everything. */
import { type Bench, figure, megabytes, type Row, type Size, scaled } from './bench.ts'
import type { Following } from './crowd-main.ts'
import { Stage } from './stage.ts'

const full = { followers: 10_000, tasksEach: 10, everything: 20, tasks: 2_000, perSecond: 200, transitions: 2_000 }
/** So that none of them needs more descriptors, or more of a core, than a process has. */
const crowds = 2

/** Each follows ten tasks in a row, so that all tasks have about as many followers. */
function followings(followers: number, everything: number, tasks: number): Following[] {
  const idsOf = (at: number) =>
    Array.from({ length: Math.min(full.tasksEach, tasks) }, (_, k) => `t${(at * full.tasksEach + k) % tasks}`)
  const few = Array.from({ length: followers }, (_, at) => ({ filter: { ids: idsOf(at) } }))
  return [...few, ...Array.from({ length: everything }, () => ({ filter: {} }))]
}

/** Ends that everyone together has to hear of. */
function endsDue(all: readonly Following[], ended: readonly string[]): number {
  const over = new Set(ended)
  const heardBy = ({ ids }: Following['filter']) =>
    ids === undefined ? over.size : ids.filter((id) => over.has(id)).length
  return all.reduce((sum, { filter }) => sum + heardBy(filter), 0)
}

async function run(size: Size): Promise<Row[]> {
  const tasks = scaled(full.tasks, size)
  const all = followings(scaled(full.followers, size), scaled(full.everything, size), tasks)
  const stage = await Stage.open(tasks, size.managerFlags)
  try {
    const bare = stage.manager.usage().rssBytes
    const heapBare = await stage.manager.ask<number>('heap')
    const beganMs = performance.now()
    await Promise.all(
      Array.from({ length: crowds }, (_, part) => stage.crowd(all.filter((_one, at) => at % crowds === part))),
    )
    const dialledMs = performance.now() - beganMs
    const before = stage.manager.usage().rssBytes
    const heapBefore = await stage.manager.ask<number>('heap')
    const { cpu, cpuMs, commits, ended } = await stage.run(scaled(full.transitions, size), full.perSecond)
    const after = stage.manager.usage().rssBytes
    const heapAfter = await stage.manager.ask<number>('heap')
    const spans = await stage.spans(commits)
    const { ends } = await stage.heard()
    return [
      {
        ...{ subscribers: all.length, 'commits/s': full.perSecond, heard: spans.count },
        ...{ 'p50 ms': figure(spans.quantileMs(0.5)), 'p99 ms': figure(spans.quantileMs(0.99)) },
        // Commits, encoding and sending together; it says more than the spans where others use the machine as well.
        'manager µs each': figure((cpuMs * 1_000) / spans.count),
        ...{ 'CPU cores': figure(cpu), 'ends missed': endsDue(all, ended) - ends },
        ...{ 'RSS MB': `${megabytes(bare)} → ${megabytes(before)} → ${megabytes(after)}` },
        ...{ 'heap MB': `${megabytes(heapBare)} → ${megabytes(heapBefore)} → ${megabytes(heapAfter)}` },
        ...{ 'dialled in s': figure(dialledMs / 1_000) },
      },
    ]
  } finally {
    await stage.close()
  }
}

export const subscribers: Bench = {
  name: 'subscribers',
  what: 'from commit to receipt; memory with none, once all are there, and after',
  run,
}
