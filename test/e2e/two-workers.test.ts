/** Two workers on one machine and one engine: a fair share each, and neither touches what is the other's. */
import { afterEach, expect, test } from 'vitest'
import { openClient as connect } from '../../runtime/connect.ts'
import { readMachineId } from '../../runtime/gauge/machine-id.ts'
import { Cluster, containersWith, testImage, until } from './cluster.ts'

let cluster: Cluster | undefined
afterEach(async () => {
  await cluster?.close()
  cluster = undefined
})

test('share 50 tasks 25/25 under round-robin, and leave the containers of the other alone', async () => {
  cluster = await Cluster.open()
  const { address } = cluster
  const manager = cluster.startManager()
  const flags = ['--driver', 'docker', '--cpus', '8', '--memory', '8g']
  const left = await cluster.startWorker('left', ...flags)
  await cluster.startWorker('right', ...flags)
  await cluster.ready(2)
  // A machine without an id, as many containers are, can tell nobody.
  if ((await readMachineId()) !== undefined) {
    const { stderr } = await cluster.troupe('node')
    expect(stderr).toContain('troupe: left and right run on one machine')
    expect(manager.stderr.match(/runs on the same machine as (left|right), /g)).toHaveLength(1)
  }
  const client = await connect({ url: address, token: await cluster.token() })
  const ids = Array.from({ length: 50 }, (_, at) => `share-${String(at).padStart(2, '0')}`)
  const spec = {
    driver: 'docker' as const,
    image: testImage,
    network: 'none',
    command: ['sleep', '600'],
    cpus: 0.1,
    memoryBytes: 16 * 1_024 * 1_024,
  }
  await Promise.all(ids.map((id) => client.submit(id, spec)))
  const views = await until(
    'all 50 to run',
    async () => {
      const { items } = await client.query({ ids })
      return items.every(({ state }) => state === 'Running') ? items : undefined
    },
    90_000,
  )
  const share = (name: string) => views.filter(({ node }) => node === name).length
  expect([share('left'), share('right')]).toEqual([25, 25])

  const clusterLabel = `troupe.cluster=${client.welcome.clusterId}`
  const before = await containersWith(clusterLabel)
  expect(before).toHaveLength(50)
  // One is killed and comes back: it adopts its own, and the other's are as they were.
  await left.kill('SIGKILL')
  await cluster.startWorker('left', ...flags)
  await cluster.ready(2)
  expect((await containersWith(clusterLabel)).sort()).toEqual([...before].sort())

  await Promise.all(ids.map((id) => client.stop(id, { graceMs: 0 })))
  await until('all to be stopped and removed', async () =>
    (await containersWith(clusterLabel)).length === 0 ? true : undefined,
  )
  const { items } = await client.query({ ids })
  expect(
    items.every(({ state, outcome, attempt }) => state === 'Completed' && outcome === 'stopped' && attempt === 1),
  ).toBe(true)
  client.close()
}, 180_000)
