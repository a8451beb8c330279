/** How long recovery takes, as a client sees it, in milliseconds. */
import type { TaskSpec } from '../../actors/model.ts'
import { until } from './cluster.ts'
import { endNow, type FaultWorld } from './fault-world.ts'
import { pause } from './kills.ts'

/**
 * Kills the process of a fresh task with the policy `on-failure`, so many times, each after its first start. From the
 * kill to the news that its second attempt runs.
 */
export async function restartMs(world: FaultWorld, times: number, more: Partial<TaskSpec> = {}): Promise<number[]> {
  const tookMs: number[] = []
  for (let at = 0; at < times; at += 1) {
    const spec = { restart: { policy: 'on-failure' as const }, ...more }
    const id = await world.submit(`${more.driver ?? 'process'}${at}`, { seconds: 'told', spec })
    await world.ear.until(id, ({ state }) => state === 'Running')
    // The engine calls a container started before its command is there to be found.
    await until('the task to begin', async () => ((await world.linesOf(id)).length > 0 ? true : undefined))
    // Those of a container are processes of this machine too; its init is one of them.
    const pids = await world.processesOf(id)
    const begunMs = performance.now()
    for (const pid of pids) endNow(pid)
    await world.ear.until(id, ({ state, attempt }) => state === 'Running' && attempt === 2)
    tookMs.push(performance.now() - begunMs)
    await world.release(id)
  }
  return tookMs
}

/** Kills the worker `one`, so many times. From the start of the new process to the news that its node is Ready. */
export async function adoptionMs(world: FaultWorld, times: number): Promise<number[]> {
  const tookMs: number[] = []
  for (let at = 0; at < times; at += 1) {
    await world.worker('one').kill('SIGKILL')
    const isReady = async () => {
      const { items } = await world.ear.ask((client) => client.nodes())
      return items.some(({ name, state }) => name === 'one' && state === 'Ready')
    }
    await until('the node to be missed', async () => ((await isReady()) ? undefined : true))
    const begunMs = performance.now()
    await world.restartWorker('one')
    while (!(await isReady())) await pause(5)
    tookMs.push(performance.now() - begunMs)
  }
  return tookMs
}
