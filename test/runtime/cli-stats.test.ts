/** `troupe stats`, and what `troupe node` shows of use, against a manager kept by hand. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ClientReply } from '../../actors/protocol/client.ts'
import { cli, startCli } from './cli-rig.ts'
import { eventually, FakeManager, token } from './client-manager.ts'

const mib = 2 ** 20
let manager: FakeManager
let env: Record<string, string>
/** What the manager tells whoever watches, after one another. */
let told: ((req: number) => ClientReply)[]

beforeEach(async () => {
  manager = await FakeManager.start()
  env = { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token }
  told = []
  manager.answer = (message, session) => {
    if (message.type !== 'Subscribe' || message.topic !== 'stats') return undefined
    for (const reply of told) session.send(reply(message.req))
    return 'silence'
  }
})
afterEach(() => manager.close())

/** Each in a frame of its own turn, as it is read one by one. */
const sample = (attempt: number, atMs: number, cpuMs: number) => (req: number) => ({
  ...{ type: 'Stats' as const, req, attempt },
  sample: {
    atMs,
    cpuMs,
    memoryBytes: 64 * mib,
    memoryLimitBytes: 128 * mib,
    netRxBytes: 1_024,
    netTxBytes: 10,
    pids: 3,
  },
})
const ended =
  (more = {}) =>
  (req: number) => ({ type: 'StatsEnded' as const, req, ...more })

test('prints a line for each sample below its heading, and ends with the task', async () => {
  told = [sample(1, 1_000, 250), ended()]
  const { code, stdout, stderr } = await cli(['stats', 'task'], { env })
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
    ['ATTEMPT', 'CORES', 'CPU TIME', 'MEMORY', 'NET IN/OUT', 'PIDS'],
    ['1', '-', '0.3s', '64MiB/128MiB', '1KiB/10B', '3'],
    [''],
  ])
})

test('as JSON it is a line for each', async () => {
  told = [sample(2, 1_000, 250), ended()]
  const { stdout } = await cli(['stats', 'task', '--json'], { env })
  expect(JSON.parse(stdout)).toMatchObject({ attempt: 2, cpuMs: 250, memoryBytes: 64 * mib, pids: 3 })
})

test('once is as soon as cores are known, or what there was', async () => {
  let session: { send(reply: ClientReply): void } | undefined
  let req = 0
  manager.answer = (message, from) => {
    if (message.type !== 'Subscribe') return undefined
    session = from
    req = message.req
    session.send(sample(1, 1_000, 250)(req))
    return 'silence'
  }
  const run = startCli(['stats', 'task', '--once'], { env })
  await eventually('it watches', () => session !== undefined)
  // Two that come together are read as one: more come until it has had its two.
  let count = 0
  const timer = setInterval(() => {
    count += 1
    session?.send(sample(1, 1_000 + count * 1_000, 250 + count * 500)(req))
  }, 20)
  expect(await run.exit).toBe(0)
  clearInterval(timer)
  expect(run.stdout).toContain('  0.50  ')
  expect(run.stdout.trim().split('\n')).toHaveLength(2)
  manager.answer = (message, from) => {
    if (message.type !== 'Subscribe') return undefined
    from.send(sample(1, 1_000, 250)(message.req))
    from.send(ended()(message.req))
    return 'silence'
  }
  const { stdout } = await cli(['stats', 'task', '--once', '--json'], { env })
  expect(JSON.parse(stdout)).toMatchObject({ attempt: 1, cpuMs: 250 })
})

test('what cannot be told is an error with its reason, and a task that has ended a note', async () => {
  told = [ended({ error: 'the odd driver cannot tell', code: 'Invalid' })]
  const refused = await cli(['stats', 'task'], { env })
  expect(refused).toMatchObject({ stdout: '', stderr: expect.stringContaining('the odd driver cannot tell') })
  expect(refused.code).not.toBe(0)
  told = [ended()]
  expect(await cli(['stats', 'task'], { env })).toMatchObject({
    code: 0,
    stdout: '',
    stderr: expect.stringContaining('it has ended'),
  })
})

test('nodes are listed with what their machines use, where they say it', async () => {
  const amount = { cpus: 4, memoryBytes: 2 ** 33 }
  const node = { state: 'Ready' as const, draining: false, offered: amount, reserved: amount, tasks: 1, labels: {} }
  const used = { cpus: 1.5, memoryBytes: 2 ** 30, load1: 0.25, diskFreeBytes: 2 ** 40, diskTotalBytes: 2 ** 41 }
  manager.nodes.push(
    { ...node, id: 'n1', name: 'new', drivers: { process: 'complete' }, used, usedAtMs: 5 },
    { ...node, id: 'n2', name: 'old', drivers: { process: 'complete' } },
  )
  const { stdout } = await cli(['node'], { env })
  const [head = [], first = [], second = []] = stdout.split('\n').map((line) => line.split(/ {2,}/))
  expect(head).toEqual(expect.arrayContaining(['CPU USED', 'MEM USED', 'LOAD', 'DISK FREE']))
  expect(first).toEqual(expect.arrayContaining(['1.5', '1GiB', '0.25', '1TiB']))
  expect(second.filter((cell) => cell === '-')).toHaveLength(4)
  expect(JSON.parse((await cli(['node', '--json'], { env })).stdout)).toMatchObject([{ used, usedAtMs: 5 }, {}])
})
