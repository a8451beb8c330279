/** Kills under load: tasks are handed in all the while, and whoever is killed is started again. */
import type { FaultWorld } from './fault-world.ts'

export interface Kills {
  /** Whom, in turn: m = the manager, w = the worker. */
  readonly victims: string
  readonly tasksPerKill: number
  readonly roll: () => number
}

/** Answers how long each manager took from its start to its first answer, in milliseconds. */
export async function killUnderLoad(world: FaultWorld, { victims, tasksPerKill, roll }: Kills): Promise<number[]> {
  const load = (async () => {
    for (let at = 0; at < victims.length * tasksPerKill; at += 1) {
      await world.submit(String(at).padStart(4, '0'), { seconds: roundTo(0.2 + roll() * 1.8), code: at % 7 })
      await pause(100 * roll())
    }
  })()
  // It is awaited below; until then a failure is not unheard of.
  load.catch(() => undefined)
  const answeredMs: number[] = []
  for (const victim of victims) {
    await pause(200 + 800 * roll())
    if (victim === 'w') {
      await world.restartWorker('one')
    } else {
      await world.restartManager()
      const begunMs = performance.now()
      await world.ear.ask((client) => client.nodes())
      answeredMs.push(performance.now() - begunMs)
    }
  }
  await load
  return answeredMs
}

const roundTo = (seconds: number): number => Math.round(seconds * 100) / 100
export const pause = (ms: number): Promise<void> => new Promise((wake) => setTimeout(wake, ms))
