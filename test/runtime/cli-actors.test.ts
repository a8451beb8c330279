/** `troupe actors`, from a manager and worker in this process to what is printed. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ActorStep, ActorView, OpenedTroupe } from '../../runtime/index.ts'
import { openTroupe } from '../../runtime/index.ts'
import { cli, startCli } from './cli-rig.ts'
import { ScriptDriver } from './script-driver.ts'

let troupe: OpenedTroupe
let flags: string[]
const driver = new ScriptDriver()

beforeEach(async () => {
  const token = 'a-token-for-tests'
  troupe = await openTroupe({ storage: 'memory', drivers: [driver], name: 'node-1', listen: '127.0.0.1:0', token })
  flags = ['--addr', String(troupe.address), '--token', token]
})
afterEach(() => troupe.close())

test('prints a tree of the cluster, or of tasks, or all of it as JSON', async () => {
  const [node] = await troupe.nodes()
  const id = node?.id as string
  const { code, stdout } = await cli(['actors', ...flags])
  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  expect(lines.map((line) => line.replace(/ {2,}\S+ since .*| {2,}\S+$/, ''))).toEqual([
    'manager',
    `  node:${id} (node-1)`,
    `    worker:${id}`,
    `      session:${id}`,
  ])
  expect(lines[1]).toMatch(/Liveness\.\w+\+Admission\.Open since \d{4}-/)
  const task = await troupe.run({ driver: 'process', command: ['x'] })
  await vi.waitFor(async () => expect((await cli(['actors', ...flags, task.id])).stdout).toContain('Running'), 20_000)
  const { stdout: json } = await cli(['actors', ...flags, task.id.slice(0, 8), '--json'])
  expect((JSON.parse(json) as ActorView[]).map((actor) => actor.id).sort()).toEqual([
    `attempt:${task.id}/1`,
    `task:${task.id}`,
  ])
})

test('goes on with each step until it is interrupted', async () => {
  const run = startCli(['actors', ...flags, '--watch', '--json', '--node', 'node-1'])
  await vi.waitFor(() => expect(run.stdout.split('\n').length).toBeGreaterThanOrEqual(4), 20_000)
  await troupe.drain('node-1')
  const drain = () => run.stdout.split('\n').find((line) => line.includes('"type":"Drain"'))
  await vi.waitFor(() => expect(drain()).toBeDefined(), 20_000)
  const step = JSON.parse(drain() as string) as ActorStep
  expect(step).toMatchObject({ machine: 'node', event: { type: 'Drain' }, to: 'Liveness.Ready+Admission.Draining' })
  run.signal('SIGINT')
  expect(await run.exit).toBe(0)
})

test('says what cannot be asked for', async () => {
  const unknown = await cli(['actors', ...flags, 'nobody'])
  expect([unknown.code, unknown.stderr]).toEqual([3, expect.stringContaining('there is no task nobody')])
  const both = await cli(['actors', ...flags, 'a', '--node', 'b'])
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('not both')])
})
