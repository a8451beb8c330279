/** A world whose worker runs containers on an engine of the test's own, so that the engine can be killed. */
import { askEngine } from '../runtime/docker-fixture.ts'
import type { OwnEngine } from '../runtime/docker-own-engine.ts'
import { testImage, until } from './cluster.ts'
import type { FaultWorld } from './fault-world.ts'

/** What makes a task a container there. */
export const engineSpec = { driver: 'docker' as const, image: testImage, network: 'none' }

/** A manager, and a worker on this engine. */
export async function startOnEngine(world: FaultWorld, engine: OwnEngine): Promise<void> {
  world.containersLeft = async (clusterId) => {
    const filters = encodeURIComponent(JSON.stringify({ label: [`troupe.cluster=${clusterId}`] }))
    const { json } = await askEngine(engine.socketPath, 'GET', `/containers/json?all=1&filters=${filters}`)
    return (json as { Id: string }[]).map(({ Id }) => Id)
  }
  world.startManager()
  const flags = ['--driver', 'docker', '--driver', 'process', '--allow-mount', world.witness]
  await world.startWorker('one', flags, ['env', `DOCKER_HOST=unix://${engine.socketPath}`])
  await world.listen()
  await world.ready(1)
}

/** Waits until the worker says so of its engine. */
export async function dockerIs(world: FaultWorld, state: 'complete' | 'unavailable'): Promise<void> {
  await until(`docker to be ${state}`, async () => {
    const { items } = await world.ear.ask((client) => client.nodes())
    return items[0]?.drivers.docker === state ? true : undefined
  })
}
