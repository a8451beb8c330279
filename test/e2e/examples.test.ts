/** The examples and the README's first lines, run as they stand by a user who has installed the package. */
import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Cluster, processesMentioning, testImage, until } from './cluster.ts'

const root = resolve(import.meta.dirname, '../..')
const tsx = join(root, 'node_modules/tsx/dist/cli.mjs')
const withoutEngine = process.env.TROUPE_TEST_WITHOUT_ENGINE !== undefined

let dir: string

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'troupe-examples-'))
  await mkdir(join(dir, 'node_modules'))
  await symlink(root, join(dir, 'node_modules/troupe'))
  await symlink(join(root, 'node_modules/xstate'), join(dir, 'node_modules/xstate'))
})

afterEach(async () => {
  for (const pid of await processesMentioning(dir)) process.kill(pid, 'SIGKILL')
  await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
})

/** Ends by itself, or the test does: an application that was closed keeps nothing alive. */
async function run(file: string): Promise<{ code: number | null; lines: string[]; stderr: string }> {
  return node(tsx, file)
}

async function node(...args: string[]): Promise<{ code: number | null; lines: string[]; stderr: string }> {
  // Whatever it makes is made where it is found and removed.
  const env = { ...process.env, TMPDIR: dir }
  const child = spawn(process.execPath, args, { cwd: dir, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const code = await new Promise<number | null>((done) => void child.on('close', done))
  return { code, lines: stdout.split('\n').slice(0, -1), stderr }
}

const example = (name: string) => run(join(root, 'examples', name))

test('hello.ts', async () => {
  const { code, lines, stderr } = await example('hello.ts')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(lines).toEqual(expect.arrayContaining(["{ Running: 'Up' }", 'hi', 'Failed']))
  expect(lines.at(-1)).toBe('exit 3')
})

test('cheap-nodes.ts: a scheduler of one’s own', async () => {
  const { code, lines, stderr } = await example('cheap-nodes.ts')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(lines.map((line) => line.slice(0, 'task 1: cheap'.length))).toEqual([
    'task 1: cheap',
    'task 2: cheap',
    'task 3: dear ',
  ])
})

test('thread-driver.ts: a driver of one’s own', async () => {
  const { code, lines, stderr } = await example('thread-driver.ts')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(lines[0]).toBe('9592 primes below 100000')
  expect(lines.slice(1).map((line) => /outcome: '(\w+)', exitCode: (\d+)/.exec(line)?.slice(1))).toEqual([
    ['succeeded', '0'],
    ['exit', '2'],
    ['stopped', '143'],
  ])
})

test('own-storage.ts: a storage of one’s own', async () => {
  const { code, lines, stderr } = await example('own-storage.ts')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(lines[0]).toMatch(/^\d+ batches, \d+ bytes$/)
  expect(lines.slice(1)).toEqual(["Failed { outcome: 'exit', exitCode: 3, reason: 'exited with code 3' }"])
})

test('own-transport.ts: a transport of one’s own', async () => {
  const { code, lines, stderr } = await example('own-transport.ts')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(lines).toEqual(expect.arrayContaining(['hi', 'succeeded', '1 → SubmitTask', '1 ← Submitted']))
})

test('the package’s other doors can be imported where it is installed', async () => {
  const lines = [
    "import { driverConformance, storageConformance, transportConformance } from 'troupe/conformance'",
    "import { createMemoryStorage } from 'troupe'",
    "import { connect } from 'troupe/browser'",
    'const names = []',
    'const test = (name) => names.push(name)',
    'storageConformance({ test, expect: () => {} }, { open: createMemoryStorage })',
    'console.log(names.length > 10, typeof driverConformance, typeof transportConformance, typeof connect)',
  ]
  await writeFile(join(dir, 'doors.mjs'), lines.join('\n'))
  const { code, lines: told, stderr } = await run(join(dir, 'doors.mjs'))
  expect({ code, told, stderr }).toEqual({ code: 0, told: ['true function function function'], stderr: '' })
})

test('its types compile where it is installed, without a look at its sources', async () => {
  for (const name of ['@xstate', '@types', 'react', 'typebox', 'ws']) {
    await symlink(join(root, 'node_modules', name), join(dir, 'node_modules', name))
  }
  const lines = [
    "import { useSelector } from '@xstate/react'",
    "import type { Driver, Scheduler, Storage, TaskRef, Transport } from 'troupe'",
    "import { connect } from 'troupe/browser'",
    "import { storageConformance } from 'troupe/conformance'",
    'declare const task: TaskRef',
    'export const state: string = useSelector(task, (s) => s.context.state)',
    "task.getSnapshot().matches('Running')",
    '// @ts-expect-error: there is no such state',
    "task.getSnapshot().matches('Started')",
    'export const doors = [connect, storageConformance]',
    'export type Ports = [Driver, Scheduler, Storage, Transport]',
  ]
  await writeFile(join(dir, 'types.mts'), lines.join('\n'))
  await writeFile(join(dir, 'first.mts'), await firstExample())
  const compilerOptions = { target: 'es2022', module: 'nodenext', strict: true, noEmit: true, types: ['node'] }
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['types.mts', 'first.mts'] }))
  expect(await node(join(root, 'node_modules/typescript/bin/tsc'), '-p', dir)).toMatchObject({ code: 0, lines: [] })
})

/** The first block of TypeScript in the README. */
async function firstExample(): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  const block = /^```ts\n([\s\S]*?)^```$/m.exec(readme)?.[1]
  if (block === undefined) throw new Error('the README has no example in TypeScript')
  // No registry can be asked here; where there is no engine at all, the same command runs as a process.
  const docker = "driver: 'docker', image: 'busybox'"
  expect(block).toContain(docker)
  return block.replace(docker, withoutEngine ? "driver: 'process'" : `driver: 'docker', image: '${testImage}'`)
}

describe('the README’s first example', () => {
  const said = ["{ Running: 'Up' }", 'hi', 'Completed', 'succeeded 0']

  test('in this process', async () => {
    await writeFile(join(dir, 'first.mts'), await firstExample())
    const { code, lines, stderr } = await run(join(dir, 'first.mts'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(lines).toEqual(expect.arrayContaining(said))
  })

  test('from afar: with its other line', async () => {
    const cluster = await Cluster.open()
    try {
      cluster.startUp()
      await until('a manager', async () => (await cluster.troupe('node')).code === 0 || undefined)
      await cluster.ready(1)
      const [near, far] = ["const troupe = await openTroupe({ dataDir: './data' })", '// const troupe = await connect(']
      const block = await firstExample()
      expect(block).toContain(near)
      expect(block).toContain(far)
      const lines = block.replace(near, `const token = '${await cluster.token()}'`).replace(far, far.slice(3))
      await writeFile(join(dir, 'first.mts'), lines.replace('ws://127.0.0.1:4747', cluster.address))
      const { code, lines: told, stderr } = await run(join(dir, 'first.mts'))
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(told).toEqual(expect.arrayContaining(said))
    } finally {
      await cluster.close()
    }
  })
})
