/** What a transition costs the manager while nobody watches its machines, and while somebody does. */
import { type Bench, figure, type Row, type Size, scaled } from './bench.ts'
import { built } from './built.ts'
import { Stage } from './stage.ts'

const watched = ['nobody', 'the cluster', 'each task'] as const
type Watched = (typeof watched)[number]

const rounds = 3
/** Of one part of a round; half as many tasks are in it, which one filter can name. */
const fullTransitions = 900
const perSecond = 1_000
/** Tasks that are on their way from one part to the next. */
const spare = 25

type Troupe = Awaited<ReturnType<typeof import('../../runtime/index.ts')['connect']>>

async function run(size: Size): Promise<Row[]> {
  const transitions = scaled(fullTransitions, size)
  const parts = rounds * watched.length + 1
  const stage = await Stage.open(Math.ceil((parts * transitions) / 2) + 2 * spare, size.managerFlags)
  const { connect } = await built<typeof import('../../runtime/index.ts')>('runtime/index.js')
  const troupe = await connect(stage.address, { token: stage.token })
  const cpuMs: Record<Watched, number> = { nobody: 0, 'the cluster': 0, 'each task': 0 }
  const steps: Record<Watched, number> = { nobody: 0, 'the cluster': 0, 'each task': 0 }
  try {
    // Once, so that all parts find the code compiled.
    let { ended } = await stage.run(transitions, perSecond)
    for (let round = 0; round < rounds; round += 1) {
      for (const what of watched) {
        const stop = await watch(troupe, what, ended.length, transitions)
        const measured = await stage.run(transitions, perSecond)
        ended = measured.ended
        cpuMs[what] += measured.cpuMs
        steps[what] += await stop()
      }
    }
  } finally {
    await troupe.close()
    await stage.close()
  }
  const each = (what: Watched) => (cpuMs[what] * 1_000) / (rounds * transitions)
  return watched.map((what) => ({
    ...{ watched: what, transitions: rounds * transitions, 'steps told': steps[what] },
    ...{ 'manager µs each': figure(each(what)), 'of nobody': figure(each(what) / each('nobody')) },
  }))
}

/** Begins to watch; what it gives ends that, and says how many steps were told. */
async function watch(
  troupe: Troupe,
  what: Watched,
  ended: number,
  transitions: number,
): Promise<() => Promise<number>> {
  if (what === 'nobody') return async () => 0
  const ids = Array.from({ length: transitions / 2 + spare }, (_, at) => `t${ended + at}`)
  const stream = troupe.actors(what === 'each task' ? { filter: { ids } } : {})
  let told = 0
  let begin = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const read = (async () => {
    for await (const news of stream) {
      if (news.type === 'Snapshot') begin()
      else told += news.steps.length + news.missed
    }
  })()
  await Promise.race([begun, read])
  return async () => {
    stream.close()
    await read
    return told
  }
}

export const inspection: Bench = {
  name: 'inspection',
  what: 'a transition of a task, by who watches the machines',
  run,
}
