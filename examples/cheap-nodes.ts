/**
 * A scheduler of one's own: it prefers the node that costs least by the hour, which the operator says in a label. Who is
 * fit at all (ready, room enough, the constraints) is decided before it is asked: `npx tsx examples/cheap-nodes.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTroupe, openWorker, type Scheduler } from 'troupe'

const cheapFirst: Scheduler<null> = {
  name: 'cheap-first',
  initial: null,
  // A node without a price is dearer than any that has one.
  score: (_ask, node) => Number(node.labels.price ?? 1_000_000),
  picked: () => null,
}

const dir = mkdtempSync(join(tmpdir(), 'troupe-cheap-'))
const logger = { debug() {}, info() {}, warn: console.warn, error: console.error }
const troupe = await openTroupe({
  dataDir: join(dir, 'manager'),
  scheduler: cheapFirst,
  drivers: [],
  listen: '127.0.0.1:0',
  logger,
})
// Both are on this machine, and so each offers a part of it.
const open = (name: string, price: string) =>
  openWorker({
    manager: troupe.address as string,
    token: troupe.token,
    dataDir: join(dir, name),
    storage: 'memory',
    name,
    labels: { price },
    cpus: 1,
    memoryBytes: 256 * 1_024 * 1_024,
    drivers: ['process'],
    allowMounts: [],
    logger,
  })
const workers = await Promise.all([open('dear', '0.90'), open('cheap', '0.10')])
await Promise.all(workers.map((worker) => worker.connected))

// The first two fill the cheap node; the third has to go to the dear one.
for (let count = 1; count <= 3; count += 1) {
  const task = await troupe.run({ driver: 'process', command: ['sleep', '60'], cpus: 0.5 })
  const { decision } = await placed(task.id)
  const costs = decision?.scores.map(({ name, cost }) => `${name} ${cost}`).join(', ')
  console.log(`task ${count}: ${(await troupe.get(task.id)).getSnapshot().context.node} (${costs})`)
}

async function placed(id: string) {
  for await (const event of troupe.events({ from: 'snapshot', filter: { ids: [id] } })) {
    if (event.to.startsWith('Scheduled')) break
  }
  return troupe.explain(id)
}

for await (const { id } of troupe.listAll()) {
  await troupe.stop(id, { graceMs: 0 })
  await troupe.wait(id)
}
for (const worker of workers) await worker.close()
await troupe.close()
rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
