/**
 * A worker and a manager that are one minor version apart: the newer one says more, in fields and in whole messages, and
 * the older one leaves out what came later. Scripted, each against the real other end.
 */
import { describe, expect, test } from 'vitest'
import { subprotocols } from '../../actors/protocol/frame.ts'
import { Rig, spec, stateOfTask, token } from './manager-rig.ts'
import { key, Stage, settle, until } from './worker-fixture.ts'

/** What a later version may add anywhere. */
const later = { later: { nested: [1, 'two', null] }, alsoLater: true }

describe('a manager', () => {
  const end = { kind: 'exited', exitCode: 3, ...later }
  const reserved = { cpus: 0.1, memoryBytes: 2 ** 26, ...later }

  /** A worker of another version, by hand. */
  async function dial(rig: Rig) {
    const received: { type: string; [field: string]: unknown }[] = []
    const peer = await rig.raw(subprotocols)
    const { connection } = peer
    connection.onFrame = (frame) => received.push(...(frame as { m: typeof received }).m)
    const say = async (frame: object) => {
      connection.send(frame)
      await rig.settle()
    }
    return { peer, received, say }
  }
  const resources = { cpus: 4, memoryBytes: 2 ** 30 }
  const node = { nodeId: 'n1', name: 'one', resources, labels: {}, drivers: { process: 'complete' } }
  const hello = { type: 'WorkerHello', version: '0.2.0', token, incarnation: 'i1', highestEpoch: 0, node, attempts: [] }

  test('takes what a newer worker says for what it knows of it', async () => {
    const rig = await Rig.start()
    const client = await rig.client()
    const { peer, received, say } = await dial(rig)
    const newer = { ...node, ...later, resources: { ...resources, ...later } }
    await say({ m: [{ ...hello, ...later, node: newer }], ...later })
    expect(received.map(({ type }) => type)).toEqual(['Welcome', 'Desired'])
    await client.submit('a', spec())
    await rig.settle()
    await say({ e: 1, m: [{ type: 'Weather', sun: true }] })
    const status = { taskId: 'a', attempt: 1, seq: 1, startedAtMs: 1, reserved, ...later }
    await say({
      m: [
        { type: 'Weather' },
        { type: 'Status', attempts: [status], ...later },
        { type: 'Heartbeat', seq: 1, ...later },
      ],
    })
    expect(await stateOfTask(client, 'a')).toBe('Running')
    await say({ m: [{ type: 'Status', attempts: [{ ...status, seq: 2, endedAtMs: 2, end }] }] })
    expect((await client.query({ ids: ['a'] })).items).toMatchObject([{ state: 'Failed', exitCode: 3 }])
    expect(received.filter(({ type }) => type === 'HeartbeatAck')).toMatchObject([{ seq: 1 }])
    expect(received.filter(({ type }) => type === 'StatusAck')).toHaveLength(2)
    expect(peer.closed).toBeUndefined()
    // What it could not understand it can still read after a restart.
    await rig.restart()
    const again = await rig.client()
    expect((await again.nodes()).items).toMatchObject([{ name: 'one', offered: resources }])
    expect(await stateOfTask(again, 'a')).toBe('Failed')
    expect(rig.failures).toEqual([])
    await rig.crash()
  })

  test('goes on with an older worker, which leaves out all that may be left out and knows none of the newer messages', async () => {
    const rig = await Rig.start()
    const client = await rig.client()
    const { peer, received, say } = await dial(rig)
    await say({ m: [{ ...hello, version: '0.0.9' }] })
    await client.submit('a', spec())
    await rig.settle()
    await say({ m: [{ type: 'Status', attempts: [{ taskId: 'a', attempt: 1, seq: 1, startedAtMs: 1, reserved }] }] })
    // It does not answer a Ping, sends no Progress, and never says which drivers changed.
    await client.stop('a')
    await rig.settle()
    await say({
      m: [
        {
          type: 'Status',
          attempts: [{ taskId: 'a', attempt: 1, seq: 2, startedAtMs: 1, endedAtMs: 2, end, reserved }],
        },
      ],
    })
    expect(await stateOfTask(client, 'a')).toBe('Completed')
    expect(received.at(-1)).toMatchObject({ type: 'Desired', complete: false, remove: [{ taskId: 'a', attempt: 1 }] })
    expect(peer.closed).toBeUndefined()
    await rig.crash()
  })
})

describe('a worker', () => {
  const a = key('task-a')
  const plain = { driver: 'process', command: ['true'] }

  /** A manager of another version: what it says is given as it goes over the wire. */
  async function begin(welcome: object) {
    const stage = await Stage.open()
    const say = (...m: object[]) => stage.manager.connection?.send({ e: 1, m, ...welcome })
    stage.manager.onHello = () => {
      const { clusterId, heartbeatMs, leaseMs } = stage.manager
      const complete = { type: 'Desired', seq: 1, complete: true, last: true, set: [], remove: [] }
      say(
        { type: 'Welcome', clusterId, sessionId: 's', epoch: 1, heartbeatMs, leaseMs, ...welcome },
        { ...complete, ...welcome },
      )
    }
    const life = stage.begin()
    await stage.connected(life)
    return { stage, life, say }
  }

  test.each([
    ['newer', later],
    ['older', {}],
  ])('works for a %s manager', async (_, more) => {
    const { stage, life, say } = await begin(more)
    const wanted = { ...a, action: 'run', graceMs: 5, spec: { ...plain, ...more }, ...more }
    const unknown = Object.keys(more).length === 0 ? [] : [{ type: 'Weather', sun: true }]
    say(
      ...unknown,
      { type: 'Desired', seq: 2, complete: false, last: true, set: [wanted], remove: [], ...more },
      ...unknown,
    )
    await until('it runs', () => stage.manager.status(a)?.startedAtMs !== undefined, stage.clock)
    for (const message of unknown) say(message)
    stage.world.exit(a, 7)
    await until('its end is told', () => stage.manager.status(a)?.end !== undefined, stage.clock)
    say({ type: 'Desired', seq: 3, complete: false, last: true, set: [], remove: [{ ...a, ...more }], ...more })
    await until('nothing is left of it', () => stage.world.things.size === 0, stage.clock)
    await settle()
    expect(stage.manager.closes).toEqual([])
    expect(stage.manager.of('DesiredGap')).toEqual([])
    expect(life.failures).toEqual([])
    await life.worker.stop()
  })
})
