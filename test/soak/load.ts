/** Tasks that are handed in all the while, until they are enough. */
import type { FaultWorld } from '../e2e/fault-world.ts'
import { pause } from '../e2e/kills.ts'

const secondsMax = 6

/** Hands in the next one after a part of `pauseMs`. Answers what ends it, which answers how many there were. */
export function beginLoad(world: FaultWorld, roll: () => number, pauseMs: number): () => Promise<number> {
  let isOver = false
  const load = (async () => {
    let tasks = 0
    for (; !isOver; tasks += 1) {
      await world.submit(`${tasks}`, { seconds: Math.round(roll() * secondsMax * 100) / 100, code: tasks % 5 })
      await pause(pauseMs * roll())
    }
    return tasks
  })()
  // It is awaited at the end; until then a failure is not unheard of.
  load.catch(() => undefined)
  return () => {
    isOver = true
    return load
  }
}
