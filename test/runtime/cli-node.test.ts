/** `troupe node drain`, `undrain` and `rm`, against a manager kept by hand. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NodeView } from '../../actors/model.ts'
import { cli as runCommand, startCli } from './cli-rig.ts'
import { eventually, FakeManager, token } from './client-manager.ts'

const amount = { cpus: 4, memoryBytes: 2 ** 33 }
const nodeWith = (tasks: number): NodeView => ({
  ...{ id: 'n1', name: 'node-1', state: 'Ready', draining: false, offered: amount, reserved: amount },
  ...{ tasks, labels: {}, drivers: { process: 'complete' } },
})

let manager: FakeManager
let env: Record<string, string>

beforeEach(async () => {
  manager = await FakeManager.start()
  env = { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token }
})
afterEach(() => manager.close())

const cli = (...args: string[]) => runCommand(['node', ...args], { env })

/** The one node is as it is told here. */
const put = (change: Partial<NodeView>, tasks = 3) => manager.nodes.splice(0, 1, { ...nodeWith(tasks), ...change })

describe('node drain', () => {
  test('tells how far it is, until the node is empty', async () => {
    put({})
    const run = startCli(['node', 'drain', 'node-1'], { env })
    await eventually('it is under way', () => run.stderr.includes('3 tasks left'))
    expect(run.stderr).toContain('--deadline limits that')
    put({ draining: true }, 1)
    await eventually('one is left', () => run.stderr.includes('1 task left'))
    put({ draining: true }, 0)
    expect([await run.exit, run.stdout]).toEqual([0, 'node-1\n'])
    expect(run.stderr).toContain('"troupe node rm node-1" forgets it')
  })

  test('returns at once with -d, and passes the deadline on', async () => {
    put({})
    expect(await cli('drain', 'node-1', '--deadline', '5m', '-d')).toMatchObject({
      code: 0,
      stdout: 'node-1\n',
      stderr: '',
    })
    expect(manager.received).toContainEqual(
      expect.objectContaining({ type: 'DrainNode', node: 'node-1', deadlineMs: 300_000 }),
    )
  })

  test('is left by Ctrl-C, and goes on', async () => {
    put({})
    const run = startCli(['node', 'drain', 'node-1'], { env })
    await eventually('it is under way', () => run.stderr.includes('3 tasks left'))
    run.signal('SIGINT')
    expect(await run.exit).toBe(130)
    expect(run.stderr).toContain('left; node node-1 goes on draining')
  })

  test('ends when somebody undrains the node', async () => {
    put({})
    const run = startCli(['node', 'drain', 'node-1'], { env })
    await eventually('it is under way', () => run.stderr.includes('3 tasks left'))
    put({ draining: false })
    expect(await run.exit).toBe(1)
    expect(run.stderr).toContain('somebody has undrained node node-1')
  })
})

test('node undrain and node rm print the node', async () => {
  put({ draining: true })
  expect(await cli('undrain', 'node-1')).toMatchObject({ code: 0, stdout: 'node-1\n' })
  expect(manager.nodes[0]?.draining).toBe(false)
  expect(await cli('rm', 'node-1')).toMatchObject({ code: 0, stdout: 'node-1\n' })
  expect(manager.nodes).toEqual([])
})

test.each([
  [['drain', 'nobody'], 3, /no node nobody/],
  [['drain'], 2, /missing required argument 'name'[\s\S]*See "troupe node drain --help"/],
  [['rm', 'a b'], 2, /"a b" is no name of a node/],
  [['drain', 'a', '--deadline', '5'], 2, /"5" has no unit/],
])('node %j exits with %i', async (args, code, sentence) => {
  const run = await cli(...args)
  expect(run.code).toBe(code)
  expect(run.stderr).toMatch(sentence)
})
