/** Ports as a resource of nodes: chosen with the placement, held as long as an attempt may be alive, known after a restart. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Port } from '../../actors/model.ts'
import type { Client } from '../../runtime/client/client.ts'
import { Rig, spec } from './manager-rig.ts'
import type { ScriptedWorker } from './manager-worker.ts'

let rig: Rig
let client: Client
let worker: ScriptedWorker

// Where a node's first port is depends on its id: of n0 it is the first of these.
const range = { from: 100, to: 102 }
const withPorts = (nodeId: string) => rig.worker({ nodeId, node: { ports: range } })

beforeEach(async () => {
  rig = await Rig.start()
  client = await rig.client()
  worker = await withPorts('n0')
})

afterEach(async () => {
  expect(rig.failures).toEqual([])
  await rig.crash()
})

async function submit(id: string, ports: Port[], more: Parameters<typeof spec>[0] = {}): Promise<void> {
  await client.submit(id, spec({ ports, ...more }))
  await rig.settle()
}

async function viewOf(taskId: string) {
  return (await client.query({ ids: [taskId] })).items[0]
}

/** What the worker is told to give the attempt. */
const given = (name: string) => worker.desired.get(name)?.spec.ports
const nodeOf = async (nodeId = 'n0') => (await client.nodes()).items.find(({ id }) => id === nodeId)

async function end(name: string, exitCode = 0): Promise<void> {
  worker.exited(name, exitCode)
  await rig.settle()
}

async function taken(name: string, message: string): Promise<void> {
  worker.report(name, { endedAtMs: 1, end: { kind: 'startFailed', code: 'port-taken', message, retryable: true } })
  await rig.settle()
}

test('are told to the worker, to clients and in the history, and given back with the end', async () => {
  await submit('web', [
    { target: 80, host: 8080 },
    { target: 53, protocol: 'udp' },
  ])
  const ports = [
    { target: 80, host: 8080, protocol: 'tcp' },
    { target: 53, host: 100, protocol: 'udp' },
  ]
  expect(given('web.1')).toEqual(ports)
  expect((await viewOf('web'))?.ports).toEqual(ports)
  expect(await nodeOf()).toMatchObject({ portRange: range, portsHeld: 2 })
  const explained = await client.explain('web')
  expect(explained.attempts[0]?.ports).toEqual(ports)
  expect(explained.spec.ports).toEqual([
    { target: 80, host: 8080 },
    { target: 53, protocol: 'udp' },
  ])
  expect(explained.events.find(({ event }) => event.type === 'Placed')?.event).toMatchObject({ ports })
  await end('web.1')
  expect(await nodeOf()).toMatchObject({ portsHeld: 0 })
  expect(await viewOf('web')).not.toHaveProperty('ports')
})

describe('a port that was asked for by number', () => {
  test('makes a node unfit while another task has it, which is said; then it goes to who waits', async () => {
    await submit('a', [{ target: 80, host: 8080 }])
    await submit('b', [{ target: 81, host: 8080 }])
    expect((await viewOf('b'))?.reason).toBe('1 node has port 8080 taken')
    expect((await client.explain('b')).decision?.refusals).toEqual([
      { nodeId: 'n0', name: 'name-n0', why: 'port 8080 is taken by task a' },
    ])
    await submit('c', [{ target: 80, host: 8080, protocol: 'udp' }])
    expect(given('c.1')).toMatchObject([{ host: 8080, protocol: 'udp' }])
    await end('a.1')
    expect(given('b.1')).toEqual([{ target: 81, host: 8080, protocol: 'tcp' }])
  })

  test('is the next attempt’s own on the same node, once the end of the one before is known', async () => {
    await submit('a', [{ target: 80, host: 8080 }], { restart: { policy: 'always', backOffMs: 0 } })
    await end('a.1', 1)
    await rig.advance(1)
    expect(worker.wishes).toEqual(['a.2 run'])
    expect(given('a.2')).toEqual([{ target: 80, host: 8080, protocol: 'tcp' }])
  })
})

describe('a free port', () => {
  test('is another each time, from the node’s range, until there is none', async () => {
    for (const id of ['a', 'b', 'c']) await submit(id, [{ target: 80 }])
    expect(['a.1', 'b.1', 'c.1'].map((name) => given(name)?.[0]?.host)).toEqual([100, 101, 102])
    await submit('d', [{ target: 80 }])
    expect((await client.explain('d')).decision?.refusals[0]?.why).toBe(
      'lacks 1 free port now: 0 of its range 100-102 left',
    )
    await end('b.1')
    expect(given('d.1')?.[0]?.host).toBe(101)
    await end('d.1')
    await end('a.1')
    await submit('e', [{ target: 80 }])
    // The one that was given back last is not the next.
    expect(given('e.1')?.[0]?.host).toBe(100)
  })

  test('is not had from a worker that knows nothing of ports', async () => {
    worker.close()
    await rig.settle()
    await rig.worker({ nodeId: 'old' })
    await submit('a', [{ target: 80 }])
    expect((await viewOf('a'))?.reason).toMatch(/1 node knows nothing of ports/)
    expect(await nodeOf('old')).not.toHaveProperty('portRange')
  })
})

describe('after a restart of the manager', () => {
  const restart = async () => {
    await rig.restart()
    client = await rig.client()
    await rig.join(worker)
  }

  test('what attempts hold is known', async () => {
    await submit('a', [{ target: 80 }])
    await submit('b', [{ target: 80, host: 8080 }])
    worker.started('a.1')
    await rig.settle()
    await restart()
    expect((await viewOf('a'))?.ports).toEqual([{ target: 80, host: 100, protocol: 'tcp' }])
    expect(given('a.1')).toEqual([{ target: 80, host: 100, protocol: 'tcp' }])
    await submit('c', [{ target: 80 }])
    expect(given('c.1')?.[0]?.host).toBe(101)
    await submit('d', [{ target: 80, host: 8080 }])
    expect((await viewOf('d'))?.reason).toBe('1 node has port 8080 taken')
  })

  test('so is what an attempt holds that was given up, as its worker tells, until that has seen its end', async () => {
    await submit('a', [{ target: 80, host: 8080 }], { disconnect: { replace: false, lostAfterMs: 1_000 } })
    worker.report('a.1', { startedAtMs: 1, ports: [{ host: 8080, protocol: 'tcp' }] })
    await rig.cut('worker-n0')
    await rig.advance(15_000)
    expect(await viewOf('a')).toMatchObject({ state: 'Failed', outcome: 'lost' })
    // As it was before the restart, and as its worker tells it after.
    expect((await nodeOf())?.portsHeld).toBe(1)
    await restart()
    await submit('b', [{ target: 80, host: 8080 }])
    expect((await client.explain('b')).decision?.refusals[0]?.why).toBe('port 8080 is taken by task a')
    await end('a.1')
    expect(given('b.1')).toMatchObject([{ host: 8080 }])
  })
})

describe('a port that something else holds', () => {
  const again = { restart: { policy: 'on-failure', backOffMs: 0, max: 1 } } as const

  test('is not chosen again as long as there are others', async () => {
    await submit('a', [{ target: 80 }, { target: 81 }], again)
    expect(given('a.1')?.map(({ host }) => host)).toEqual([100, 101])
    await taken('a.1', 'A port is taken: Bind for 0.0.0.0:101 failed: port is already allocated.')
    await rig.advance(1)
    expect(given('a.2')?.map(({ host }) => host)).toEqual([102, 100])
    await end('a.2')
    await submit('b', [{ target: 80 }, { target: 81 }])
    expect(given('b.1')?.map(({ host }) => host)).toEqual([102, 100])
    await submit('c', [{ target: 80 }])
    expect(given('c.1')?.map(({ host }) => host)).toEqual([101])
  })

  test('fails the task once its restarts are used up, with what the worker said', async () => {
    await submit('a', [{ target: 80, host: 8080 }], again)
    for (const name of ['a.1', 'a.2']) {
      await taken(name, 'Another program listens on port 8080.')
      await rig.advance(1)
    }
    expect(await viewOf('a')).toMatchObject({
      state: 'Failed',
      outcome: 'start',
      reason: 'port-taken: Another program listens on port 8080.',
    })
  })
})
