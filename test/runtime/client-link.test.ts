import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { backOffLimits, backOffMs } from '../../runtime/client/back-off.ts'
import { type Client, connectClient } from '../../runtime/client/client.ts'
import { type FollowOptions, followOutput } from '../../runtime/client/follow.ts'
import { type Link, linkLimits, openLink } from '../../runtime/client/link.ts'
import type { OutputPiece } from '../../runtime/client/output.ts'
import { TaskWatch } from '../../runtime/client/watch.ts'
import type { Clock } from '../../runtime/clock.ts'
import { silentLogger } from '../../runtime/logger.ts'
import { systemClock, systemRandom } from '../../runtime/system.ts'
import { eventually, FakeManager, token, transport } from './client-manager.ts'
import { HastyClock } from './hasty-clock.ts'

let manager: FakeManager
let link: Link | undefined
let notes: string[]

beforeEach(async () => {
  manager = await FakeManager.start()
  notes = []
})

afterEach(async () => {
  await link?.close()
  link = undefined
  await manager.close()
})

async function open(giveUpMs = 60_000, clock: Clock = systemClock, requestMs = 30_000): Promise<Link> {
  const options = { transport, url: manager.address, token, clock, random: systemRandom, logger: silentLogger }
  link = await openLink({
    connect: () => connectClient({ ...options, requestMs }),
    clock,
    random: systemRandom,
    giveUpMs,
    onLost: () => notes.push('lost'),
    onBack: () => notes.push('back'),
  })
  return link
}

const restart = async () => {
  await manager.close()
  await manager.listen()
}

test('back-off is jittered, doubles, and has a cap', () => {
  const most = { roll: () => 0.999_999, id: () => '' }
  expect([0, 1, 2, 3].map((tries) => backOffMs(tries, most))).toEqual([100, 200, 400, 800])
  expect(backOffMs(1_000, most)).toBe(backOffLimits.mostMs)
  expect(backOffMs(5, { roll: () => 0, id: () => '' })).toBe(0)
})

describe('a link', () => {
  test('is not tried again the first time', async () => {
    await manager.close()
    await expect(open()).rejects.toMatchObject({ code: 'Unavailable' })
  })

  test('comes back after a restart of the manager, and repeats what was not answered', async () => {
    const link = await open()
    let drop = true
    manager.answer = (message) => (message.type === 'SubmitTask' && drop ? 'silence' : undefined)
    const submitted = link.persist((client) => client.submit('a', { driver: 'process', command: ['true'] }))
    await eventually('it was sent', () => manager.count('SubmitTask') === 1)
    drop = false
    await restart()
    expect(await submitted).toMatchObject({ task: { id: 'a' } })
    expect(manager.count('SubmitTask')).toBe(2)
    expect(notes).toEqual(['lost', 'back'])
  })

  test('is given up after a while, and says why', async () => {
    const link = await open(300)
    await manager.close()
    await eventually('the loss', () => notes.length === 1)
    await expect(link.client()).rejects.toMatchObject({ code: 'Unavailable' })
    await expect(link.persist((client) => client.nodes())).rejects.toMatchObject({ code: 'Unavailable' })
  })

  test('is given up at once when the token is refused', async () => {
    await open(60_000)
    await manager.close()
    const other = await transport.listen(manager.address.replace('ws://', ''), {
      protocols: ['troupe.v1.msgpack'],
      onConnection: (connection) => connection.close(4001, 'wrong token'),
    })
    await expect(link?.persist((client) => client.nodes())).rejects.toMatchObject({ code: 'Unauthorized' })
    await other.close()
  })

  test('what no retry can help is not repeated', async () => {
    const link = await open()
    await expect(link.persist((client) => client.stop('zz'))).rejects.toMatchObject({ code: 'NotFound' })
    expect(manager.count('StopTask')).toBe(1)
  })

  test('notices a connection that is silently dead', async () => {
    const requestMs = 30_000
    const hasty = new HastyClock(requestMs)
    // The probe comes at once, and its patience ends only when nobody answers: a busy machine may be slow.
    const probing: Clock = {
      ...systemClock,
      setTimer: (callback, delayMs) =>
        delayMs === linkLimits.probeMs ? systemClock.setTimer(callback, 20) : hasty.setTimer(callback, delayMs),
    }
    await open(60_000, probing, requestMs)
    await eventually('a probe', () => manager.count('QueryTasks') > 1)
    expect(notes).toEqual([])
    hasty.isHasty = true
    manager.answer = ({ type }) => (type === 'QueryTasks' ? 'silence' : undefined)
    await eventually('the loss is noticed', () => notes.length > 0)
    hasty.isHasty = false
    manager.answer = () => undefined
    await eventually('it is back', () => notes.includes('back'))
  })

  test('after close nothing is dialled any more', async () => {
    const link = await open()
    await link.close()
    await expect(link.client()).rejects.toMatchObject({ code: 'Unavailable' })
    expect(notes).toEqual([])
    await eventually('the manager sees it go', () => manager.sessions === 0)
  })

  test('is closed while it dials into silence, and waits for no answer', async () => {
    const sockets: Socket[] = []
    const silence = createServer((socket) => sockets.push(socket.resume().on('error', () => {}))).listen(0, '127.0.0.1')
    await once(silence, 'listening')
    const { port } = silence.address() as AddressInfo
    let dials = 0
    const options = { transport, token, clock: systemClock, random: systemRandom, logger: silentLogger }
    link = await openLink({
      connect: (signal) => {
        const url = dials++ === 0 ? manager.address : `ws://127.0.0.1:${port}`
        return connectClient({ ...options, url, requestMs: 3_600_000, ...(signal === undefined ? {} : { signal }) })
      },
      clock: systemClock,
      random: systemRandom,
      giveUpMs: Number.POSITIVE_INFINITY,
    })
    await manager.close()
    await eventually('a dial into silence', () => sockets.length === 1)
    const waiting = link.client()
    waiting.catch(() => undefined)
    // An hour would be over long after this test.
    await link.close()
    await expect(waiting).rejects.toMatchObject({ code: 'Unavailable' })
    await eventually('the dial is gone', () => sockets.every((one) => one.readableEnded || one.destroyed))
    for (const socket of sockets) socket.destroy()
    silence.close()
  })

  test('is closed even if its transport does not know how to give up a dial, and keeps nothing that comes late', async () => {
    let arrive: (client: Client) => void = () => {}
    let dials = 0
    const options = { transport, url: manager.address, token, clock: systemClock, random: systemRandom }
    const connect = () => connectClient({ ...options, logger: silentLogger })
    link = await openLink({
      connect: () => {
        dials += 1
        if (dials === 1) return connect()
        return new Promise((resolve) => {
          arrive = resolve
        })
      },
      clock: systemClock,
      random: systemRandom,
    })
    await restart()
    await eventually('the second dial', () => dials === 2)
    await link.close()
    const late = await connect()
    arrive(late)
    await late.closed
  })
})

describe('watching a task', () => {
  test('tells every transition once, across restarts of the manager, to the end', async () => {
    const link = await open()
    manager.commit('a', {}, 'Pending.Queued', { type: 'Submitted' })
    const steps: string[] = []
    const watch = new TaskWatch(link, 'a', { onEvent: ({ to }) => steps.push(to) })
    await eventually('the history', () => steps.length === 1)
    await manager.close()
    manager.start('a')
    await manager.listen()
    await eventually('what happened meanwhile', () => steps.length === 3)
    await restart()
    manager.finish('a', 3)
    expect(await watch.final).toMatchObject({ state: 'Failed', exitCode: 3 })
    expect(steps).toEqual(['Pending.Queued', 'Scheduled.Starting', 'Running', 'Failed'])
    const resumed = manager.received.filter((message) => message.type === 'Subscribe').slice(2)
    for (const message of resumed) expect(message).toMatchObject({ from: { logId: 'log-1' } })
  })

  test('a manager with another log resets it, and the history is told anew', async () => {
    const link = await open()
    manager.commit('a', {}, 'Pending.Queued', { type: 'Submitted' })
    const told: string[] = []
    const watch = new TaskWatch(link, 'a', {
      onEvent: ({ to }) => told.push(to),
      onReset: (reason) => told.push(reason),
    })
    await eventually('the history', () => told.length === 1)
    await manager.close()
    manager.logId = 'log-2'
    await manager.listen()
    await eventually('the history again', () => told.length === 3)
    expect(told).toEqual(['Pending.Queued', 'another log', 'Pending.Queued'])
    manager.finish('a', 0)
    await watch.final
  })

  test('an unknown task rejects with NotFound, for those who wait for a state as well', async () => {
    const link = await open()
    const watch = new TaskWatch(link, 'zz')
    const until = watch.until(() => true)
    await expect(watch.final).rejects.toMatchObject({ code: 'NotFound' })
    await expect(until).rejects.toMatchObject({ code: 'NotFound' })
    await expect(watch.until(() => true)).rejects.toMatchObject({ code: 'NotFound' })
  })

  test('ends when the link is given up', async () => {
    const link = await open(200)
    manager.commit('a', {}, 'Pending.Queued', { type: 'Submitted' })
    const watch = new TaskWatch(link, 'a')
    await watch.until(() => true)
    await manager.close()
    await expect(watch.final).rejects.toMatchObject({ code: 'Unavailable' })
  })
})

describe('following output', () => {
  let text: string
  let incomplete: string[]

  const follow = (link: Link, options: Partial<FollowOptions> = {}) => {
    text = ''
    incomplete = []
    return followOutput({
      link,
      taskId: 'a',
      watch: new TaskWatch(link, 'a'),
      attempt: options.attempt ?? 1,
      onward: options.onward ?? true,
      write:
        options.write ??
        (async ({ data }) => {
          text += Buffer.from(data).toString()
        }),
      onIncomplete: (attempt, why) => incomplete.push(`${attempt}: ${why}`),
      signal: options.signal ?? new AbortController().signal,
    })
  }

  test('asks for nothing before the attempt has started, and goes through all attempts', async () => {
    const link = await open()
    manager.commit('a', {}, 'Pending.Queued', { type: 'Submitted' })
    const done = follow(link)
    manager.commit('a', { state: 'Scheduled', detail: 'Pulling', attempt: 1 }, 'Scheduled.Pulling', { type: 'Pulling' })
    await link.persist((client) => client.nodes())
    expect(manager.count('ReadLogs')).toBe(0)
    manager.write('a', 1, 'stdout', 'one ')
    manager.endOutput('a', 1)
    manager.commit('a', { state: 'Pending', detail: 'BackingOff' }, 'Pending.BackingOff', {
      type: 'Exited',
      exitCode: 1,
    })
    await eventually('the first', () => text === 'one ')
    manager.start('a', 2)
    manager.write('a', 2, 'stdout', 'two')
    manager.finish('a', 0)
    await done
    expect(text).toBe('one two')
    expect(incomplete).toEqual([])
  })

  test('pieces may be cut otherwise the second time: nothing comes twice', async () => {
    const link = await open()
    manager.start('a')
    manager.write('a', 1, 'stdout', 'abc')
    manager.write('a', 1, 'stderr', 'X')
    const done = follow(link)
    await eventually('the beginning', () => text === 'abcX')
    await manager.close()
    manager.answer = (message, session) => {
      if (message.type !== 'ReadLogs') return undefined
      for (const [stream, data] of [
        ['stdout', 'ab'],
        ['stderr', 'XY'],
        ['stdout', 'cdef'],
      ] as const) {
        session.send({ type: 'Output', req: message.req, chunks: [{ stream, data: Buffer.from(data) }] })
      }
      return { type: 'OutputEnded', req: message.req }
    }
    await manager.listen()
    await eventually('the rest', () => text === 'abcXYdef')
    manager.finish('a', 0)
    await done
  })

  test('what its worker has lost is told once, and what follows is shown from its place on', async () => {
    const link = await open()
    manager.start('a')
    manager.write('a', 1, 'stdout', 'abc')
    const gaps: unknown[] = []
    const write = async ({ data, lostBytes }: OutputPiece) => {
      if (lostBytes !== undefined) gaps.push({ after: text, lostBytes })
      text += Buffer.from(data).toString()
    }
    const done = follow(link, { write })
    await eventually('the beginning', () => text === 'abc')
    await manager.close()
    manager.answer = (message, session) => {
      if (message.type !== 'ReadLogs') return undefined
      const chunks = [
        { stream: 'stdout' as const, data: Buffer.from('cdef'), lostBytes: 2 },
        { stream: 'stdout' as const, data: Buffer.from('xyz'), lostBytes: 100 },
      ]
      session.send({ type: 'Output', req: message.req, chunks })
      return { type: 'OutputEnded', req: message.req }
    }
    await manager.listen()
    await eventually('the rest', () => text === 'abcdefxyz')
    manager.finish('a', 0)
    await done
    expect(gaps).toEqual([{ after: 'abcdef', lostBytes: 100 }])
  })

  test('after a lost connection it goes on where it was', async () => {
    const link = await open()
    manager.start('a')
    manager.write('a', 1, 'stdout', 'abc')
    manager.write('a', 1, 'stderr', 'X')
    const done = follow(link)
    await eventually('the beginning', () => text === 'abcX')
    await manager.close()
    manager.write('a', 1, 'stdout', 'def')
    await manager.listen()
    await eventually('the rest', () => text === 'abcXdef')
    manager.finish('a', 0)
    await done
    expect(text).toBe('abcXdef')
  })

  test('an output that its worker cannot give is said to be incomplete, and ends', async () => {
    const link = await open()
    manager.start('a')
    manager.finish('a', 0)
    manager.answer = ({ type, req }) =>
      type === 'ReadLogs' ? { type: 'OutputEnded', req, error: 'node-1 is down' } : undefined
    await follow(link)
    expect(incomplete).toEqual(['1: node-1 is down'])
  })

  test('a task that never ran has no output', async () => {
    const link = await open()
    manager.commit('a', { state: 'Completed', outcome: 'stopped' }, 'Completed', { type: 'Stop' })
    await follow(link)
    expect(manager.count('ReadLogs')).toBe(0)
  })

  test('ends when told to', async () => {
    const link = await open()
    manager.start('a')
    manager.write('a', 1, 'stdout', 'x')
    const stop = new AbortController()
    const done = follow(link, { signal: stop.signal })
    await eventually('the beginning', () => text === 'x')
    stop.abort()
    await done
    expect(incomplete).toEqual([])
  })

  test('one attempt alone ends with it, though the task goes on', async () => {
    const link = await open()
    manager.start('a', 2)
    manager.write('a', 1, 'stdout', 'old')
    manager.endOutput('a', 1)
    await follow(link, { attempt: 1, onward: false })
    expect(text).toBe('old')
  })
})
