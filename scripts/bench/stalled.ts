/** One reader that reads nothing among a thousand that do: what it costs them, and the manager. */
import { type Bench, figure, megabytes, type Row, type Size, scaled } from './bench.ts'
import type { Following } from './crowd-main.ts'
import { Stage } from './stage.ts'

const full = { followers: 999, tasksEach: 10, tasks: 1_900, perSecond: 200, transitions: 600 }
/** Transitions before each phase, in which whatever holds something for one that does not read is filled. */
const filling = 300
/** By turns, so that whatever else the machine does meets both alike. */
const phases = ['without', 'with', 'without', 'with'] as const
/** So many that what the system itself holds for it is soon full. */
const stalledFollowing: Following = { filter: {}, topic: 'events', times: 200 }

async function run(size: Size): Promise<Row[]> {
  const tasks = scaled(full.tasks, size)
  const transitions = scaled(full.transitions, size)
  const all = Array.from({ length: scaled(full.followers, size) }, (_, at) => {
    const ids = Array.from(
      { length: Math.min(full.tasksEach, tasks) },
      (_one, k) => `t${(at * full.tasksEach + k) % tasks}`,
    )
    return { filter: { ids } }
  })
  const stage = await Stage.open(tasks, size.managerFlags)
  try {
    const crowd = await stage.crowd(all)
    const rows: Row[] = []
    const p50 = { with: 0, without: 0 }
    const p99 = { with: 0, without: 0 }
    for (const phase of phases) {
      const following = stalledFollowing
      if (phase === 'with') await crowd.ask('stall', { address: stage.address, token: stage.token, following })
      await stage.run(scaled(filling, size), full.perSecond)
      const before = stage.manager.usage().rssBytes
      const { cpu, commits } = await stage.run(transitions, full.perSecond)
      const after = stage.manager.usage().rssBytes
      const heap = await stage.manager.ask<number>('heap')
      if (phase === 'with') await crowd.ask('leave')
      const spans = await stage.spans(commits)
      p50[phase] += spans.quantileMs(0.5)
      p99[phase] += spans.quantileMs(0.99)
      rows.push({
        ...{ 'a stalled reader': phase, heard: spans.count },
        ...{ 'p50 ms': figure(spans.quantileMs(0.5)), 'p99 ms': figure(spans.quantileMs(0.99)) },
        ...{
          'CPU cores': figure(cpu),
          'RSS MB': `${megabytes(before)} → ${megabytes(after)}`,
          'heap MB': megabytes(heap),
        },
      })
    }
    const ratios = { 'p50 ms': figure(p50.with / p50.without), 'p99 ms': figure(p99.with / p99.without) }
    return [...rows, { 'a stalled reader': 'with / without', ...ratios }]
  } finally {
    await stage.close()
  }
}

export const stalled: Bench = { name: 'stalled', what: 'one of a thousand reads nothing', run }
