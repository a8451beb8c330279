import { describe, expect, test } from 'vitest'
import { transportConformance } from '../../runtime/conformance/transport.ts'
import { createMemoryTransport, type MemoryLink } from '../../transport/memory.ts'
import type { Connection, TransportLimits } from '../../transport/transport.ts'

const limits: TransportLimits = {
  frameBytesMax: 1_024,
  frameDepthMax: 8,
  sendBufferBytesHigh: 1_024,
  sendBufferBytesMax: 4_096,
}
const protocols = ['troupe.v1.msgpack']
const clock = {
  setTimer(callback: () => void, delayMs: number) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

describe('conformance', () => {
  transportConformance(
    { test, expect },
    {
      open() {
        const network = createMemoryTransport({
          limits,
          clock,
          schedule: (deliver, link) => void (link.to === 'silence:1' || setImmediate(deliver)),
        })
        return {
          transport: (own) => network.as('somebody', own),
          anyAddress: '127.0.0.1:0',
          through: (address) => address,
          cut: () => network.cut(),
          nobody: () => 'memory://nobody:1',
          silent: () => 'memory://silence:1',
          close() {},
        }
      },
    },
  )
})

/** A network whose every delivery waits until the test lets it happen. */
function stepped() {
  const pending: { deliver: () => void; link: MemoryLink }[] = []
  const network = createMemoryTransport({ limits, schedule: (deliver, link) => pending.push({ deliver, link }) })
  const settle = async (held: (link: MemoryLink) => boolean = () => false): Promise<void> => {
    for (;;) {
      // Microtasks first: a dial settles through promises.
      await new Promise((resolve) => setImmediate(resolve))
      const next = pending.findIndex(({ link }) => !held(link))
      if (next < 0) return
      pending.splice(next, 1)[0]?.deliver()
    }
  }
  return { network, settle }
}

async function joined(name: string) {
  const { network, settle } = stepped()
  const log: string[] = []
  let accepted: Connection | undefined
  await network.listen('manager:4747', {
    protocols,
    onConnection(connection) {
      accepted = connection
      connection.onFrame = (frame) => log.push(`manager got ${frame}`)
      connection.onClose = (code) => log.push(`manager closed ${code}`)
    },
  })
  const dialling = network.as(name).connect('ws://manager:4747', { protocols })
  await settle()
  const dialled = await dialling
  dialled.onFrame = (frame) => log.push(`${name} got ${frame}`)
  dialled.onClose = (code) => log.push(`${name} closed ${code}`)
  await settle()
  if (accepted === undefined) throw new Error('The listener has no connection.')
  return { network, settle, log, dialled, accepted }
}

describe('for a simulator', () => {
  test('nothing happens but what schedule delivers, and a link withheld is a partition one way', async () => {
    const { settle, log, dialled, accepted } = await joined('worker-1')
    expect(accepted.peer).toBe('worker-1')
    expect(dialled.peer).toBe('manager:4747')
    for (const i of [1, 2]) {
      dialled.send(i)
      accepted.send(i)
    }
    expect(log).toEqual([])
    await settle((link) => link.to === 'manager:4747')
    expect(log).toEqual(['worker-1 got 1', 'worker-1 got 2'])
    await settle()
    expect(log.slice(2)).toEqual(['manager got 1', 'manager got 2'])
  })

  test('a cut by name loses what was under way and reaches both ends', async () => {
    const { network, settle, log, dialled, accepted } = await joined('worker-1')
    dialled.send('lost')
    network.cut('worker-2')
    await settle()
    expect(log).toEqual(['manager got lost'])
    dialled.send('really lost')
    network.cut('worker-1')
    await settle()
    expect(log.slice(1).sort()).toEqual(['manager closed 1006', 'worker-1 closed 1006'])
    expect([dialled.send(1), accepted.send(1)]).toEqual([false, false])
  })

  test('the order within a link holds whatever order schedule delivers in', async () => {
    const pending: (() => void)[] = []
    const network = createMemoryTransport({ limits, schedule: (deliver) => pending.push(deliver) })
    const got: unknown[] = []
    await network.listen('manager:1', {
      protocols,
      onConnection: (connection) => {
        connection.onFrame = (frame) => got.push(frame)
      },
    })
    const dialling = network.connect('memory://manager:1', { protocols })
    while (pending.length > 0) {
      pending.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    }
    const dialled = await dialling
    for (let i = 0; i < 5; i++) dialled.send(i)
    while (pending.length > 0) pending.pop()?.()
    expect(got).toEqual([0, 1, 2, 3, 4])
  })

  test('port 0 finds a free one', async () => {
    const { network } = stepped()
    const options = { protocols, onConnection: () => {} }
    const [first, second] = [await network.listen('[::1]:0', options), await network.listen('[::1]:0', options)]
    expect([first.address, second.address]).toEqual(['memory://[::1]:49152', 'memory://[::1]:49153'])
  })
})
