/** Whatever a task, a node or a manager is called and says, a terminal only shows it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { harmless, jsonText } from '../../runtime/cli/harmless.ts'
import { cli } from '../runtime/cli-rig.ts'
import { FakeManager, token } from '../runtime/client-manager.ts'

let manager: FakeManager

beforeEach(async () => {
  manager = await FakeManager.start()
})
afterEach(() => manager.close())

/** Clears the screen, moves, colours, sets the title, by two bytes and by one; rings; turns the order round; ends lines. */
const evil = 'a\u001b[2J\u001b[1;1H\u009b31m\u001b]0;owned\u0007\r\n\u0008\u202eforged\u2066\u2028b\u007f'
const risky = /(?!\n)[\p{Cc}\p{Cf}\u2028\u2029]/u

const lines: readonly (readonly [string, ...string[]])[] = [
  ['status'],
  ['status', '--json'],
  ['status', 'evil'],
  ['status', 'evil', '--json'],
  ['explain', 'evil'],
  ['explain', 'evil', '--json'],
  ['node'],
  ['node', '--json'],
  ['node', 'drain', 'evil'],
  ['events', 'evil'],
  ['events', 'evil', '--json'],
  ['wait', 'evil'],
  ['stop', 'evil'],
  ['rerun', 'evil'],
  ['status', evil],
  ['run', '--name', evil, '--cpus', evil, 'x'],
  [evil],
  ['status', `--${evil}`],
  ['run', '-f', evil],
  ['status', '--addr', evil],
]

function populate(): void {
  const fields = { name: evil, driver: evil, node: evil, nodeId: evil, image: evil, signal: evil, detail: evil }
  const event = { type: 'Exited', exitCode: 3, nodeName: evil, why: evil, message: evil, code: evil, signal: evil }
  const more = { reason: evil, command: [evil], labels: { [evil]: evil }, attempt: 1, exitCode: 3 }
  manager.commit(
    'evil',
    { ...fields, ...more, state: 'Failed' as const, outcome: 'exit' as const, finishedAtMs: 1 },
    evil,
    event,
  )
  manager.specs.set('evil', { driver: 'process', command: [evil], constraints: [`a=${evil}`] })
  manager.nodes.push({
    ...{ id: 'evil', name: evil, state: 'Ready', draining: false, tasks: 0, labels: { [evil]: evil } },
    ...{ offered: { cpus: 1, memoryBytes: 1 }, reserved: { cpus: 0, memoryBytes: 0 } },
    drivers: { [evil]: 'complete' },
  })
}

test.each(lines)('troupe %s %s %s', async (...args) => {
  populate()
  // A terminal, in which nothing is coloured.
  const env = { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token, NO_COLOR: '1' }
  const { stdout, stderr, code } = await cli(args, { env, columns: 400 })
  expect(risky.exec(stdout)).toBeNull()
  expect(risky.exec(stderr)).toBeNull()
  expect([0, 1, 2, 3, 4]).toContain(code)
  expect(stdout + stderr).not.toMatch(/^\s+at .*\.[jt]s:\d/m)
  if (args.includes('--json') && code === 0) expect(stdout.trim()).not.toBe('')
})

test('what a manager answers with is only shown', async () => {
  manager.answer = ({ req }) => ({ type: 'Error', req, code: 'Invalid', message: evil, retryable: false })
  const { stderr, code } = await cli(['stop', 'x'], { env: { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token } })
  expect(code).toBe(2)
  expect(risky.exec(stderr)).toBeNull()
  expect(stderr.trimEnd().split('\n')).toHaveLength(1)
})

test('JSON says the same, escaped', () => {
  expect(JSON.parse(jsonText({ [evil]: [evil] }))).toEqual({ [evil]: [evil] })
  expect(risky.exec(jsonText({ [evil]: [evil] }, 2))).toBeNull()
  expect(JSON.parse(jsonText('\u{e0001}🎭'))).toBe('\u{e0001}🎭')
})

test('our own colours stay', () => {
  expect(harmless('\u001b[31mred\u001b[0m\ta\n\u001b[2Jb')).toBe('\u001b[31mred\u001b[0m\ta\n [2Jb')
})
