/** A client in another language, written from docs/PROTOCOL.md alone: Debian's Python, as it stands in examples/. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { TaskEvent } from '../../actors/model.ts'
import { Cluster, type Program, until } from './cluster.ts'

/** Debian's own, whose packages it needs; another Python may come before it on the path. */
const python = '/usr/bin/python3'
const program = resolve(import.meta.dirname, '../../examples/python/follow.py')

let cluster: Cluster
beforeEach(async () => {
  cluster = await Cluster.open()
})
afterEach(async () => {
  await cluster.close()
})

class Script {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  stdout = ''
  stderr = ''

  constructor(command: readonly string[], token: string) {
    const env = { ...process.env, TROUPE_ADDR: cluster.address, TROUPE_TOKEN: token }
    this.child = spawn(python, [program, ...command], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((done, fail) => {
      this.child.on('error', fail)
      this.child.on('close', done)
    })
  }

  get lines(): string[] {
    return this.stdout.split('\n').slice(0, -1)
  }
}

/** What the manager itself has written down, as the script prints it. */
async function history(): Promise<string[]> {
  const tasks = await cluster.json<{ id: string }[]>('status', '--all', '--json')
  expect(tasks).toHaveLength(1)
  const { events } = await cluster.json<{ events: TaskEvent[] }>('explain', tasks[0]?.id ?? '', '--json')
  return events.map(({ revision, event, to }) => `${revision} ${event.type} ${to}`)
}

const startUp = async (): Promise<Program> => {
  const up = cluster.startUp('--driver', 'process')
  await cluster.ready(1)
  return up
}

test('the program has at most 60 lines', () => {
  expect(readFileSync(program, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(60)
})

test('it submits a task, follows it through restarts of the manager without a gap or a repeat, and takes over its exit code', async () => {
  let up = await startUp()
  const gate = join(cluster.dir, 'gate')
  const wait = `while [ ! -e ${gate} ]; do sleep 0.1; done; exit 7`
  const script = new Script(['sh', '-c', wait], await cluster.token())
  const says = (text: string) => until(`"${text}"`, async () => (script.stdout.includes(text) ? true : undefined))
  try {
    await says('Started Running')
    for (let round = 0; round < 3; round += 1) {
      await up.kill('SIGKILL')
      up = await startUp()
      expect(script.child.exitCode).toBeNull()
    }
    await up.kill('SIGKILL')
    // It ends while there is no manager: the script hears of it only by resuming.
    await writeFile(gate, '')
    up = await startUp()
    expect(await script.ended).toBe(7)
  } finally {
    script.child.kill('SIGKILL')
  }
  expect(script.lines.at(-1)).toMatch(/Exited Failed$/)
  expect(script.lines).toEqual(await history())
}, 180_000)

test.each([
  ['without a token', ''],
  ['with a wrong token', 'wrong'],
])('%s it is refused, and does not dial again', async (_, token) => {
  await startUp()
  const script = new Script(['true'], token)
  expect(await script.ended).toBe(1)
  expect(script.stderr).toContain('the token is missing or wrong')
  expect(script.stdout).toBe('')
})

test('a task that the manager will not have is refused with its sentence', async () => {
  await startUp()
  const script = new Script([], await cluster.token())
  expect(await script.ended).toBe(1)
  expect(script.stderr).toMatch(/^Invalid: /)
})
