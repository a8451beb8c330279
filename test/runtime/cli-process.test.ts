/** The command line as a process of its own: real signals, real pipes, and what it loads to start. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { eventually, FakeManager, token } from './client-manager.ts'

const root = resolve(import.meta.dirname, '../..')
const main = join(root, 'runtime/cli/main.ts')

let manager: FakeManager
let child: ChildProcess | undefined
let stderr: string

beforeEach(async () => {
  manager = await FakeManager.start()
  stderr = ''
})
afterEach(async () => {
  child?.kill('SIGKILL')
  child = undefined
  await manager.close()
})

function start(args: readonly string[], stdout: 'pipe' | 'ignore' = 'pipe'): ChildProcess {
  const env = { ...process.env, TROUPE_ADDR: manager.address, TROUPE_TOKEN: token }
  const started = spawn(process.execPath, ['--import', 'tsx', main, ...args], {
    cwd: root,
    env,
    stdio: ['ignore', stdout, 'pipe'],
  })
  started.stderr?.on('data', (data: Buffer) => {
    stderr += data
  })
  child = started
  return started
}

const exitOf = async (process: ChildProcess): Promise<number | null> => (await once(process, 'exit'))[0]

describe('a process of its own', () => {
  test('stops the task on SIGINT, leaves it on SIGHUP', async () => {
    const run = start(['run', '--id', 'abc', 'alpine'])
    await eventually('it is attached', () => manager.count('Subscribe') === 2)
    manager.start('abc')
    run.kill('SIGINT')
    await eventually('the wish to stop', () => stderr.includes('stopping the task'))
    // A wrapper that passes on the very same Ctrl-C must not turn it into a kill.
    run.kill('SIGINT')
    await eventually('it was sent', () => manager.count('StopTask') > 0)
    run.kill('SIGHUP')
    expect(await exitOf(run)).toBe(129)
    expect(manager.count('StopTask')).toBe(1)
    expect(stderr).toContain('To attach again')
  })

  test('gives the whole output to a slow pipe before it exits with the code of the task', async () => {
    const run = start(['run', '--id', 'abc', 'alpine'])
    await eventually('it is attached', () => manager.count('Subscribe') === 2)
    manager.start('abc')
    const chunk = new Uint8Array(16 * 1_024).fill(120)
    for (let i = 0; i < 100; i += 1) manager.write('abc', 1, 'stdout', chunk)
    manager.finish('abc', 7)
    let bytes = 0
    run.stdout?.on('data', (data: Buffer) => {
      bytes += data.byteLength
      run.stdout?.pause()
      setTimeout(() => run.stdout?.resume(), 2)
    })
    expect((await once(run, 'close'))[0]).toBe(7)
    expect(bytes).toBe(100 * chunk.byteLength)
  })

  test('a closed pipe is no error of a listing', async () => {
    const status = start(['status', '--all'])
    status.stdout?.destroy()
    expect([await exitOf(status), stderr]).toEqual([0, expect.not.stringContaining('EPIPE')])
  })

  test('a full disk is', async () => {
    manager.start('abc')
    const args = ['--import', 'tsx', main, 'status']
    const shell = spawn('sh', ['-c', 'exec "$@" > /dev/full', 'sh', process.execPath, ...args], {
      cwd: root,
      env: { ...process.env, TROUPE_ADDR: manager.address, TROUPE_TOKEN: token },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child = shell
    shell.stderr.on('data', (data: Buffer) => {
      stderr += data
    })
    expect([await exitOf(shell), stderr]).toEqual([1, expect.stringContaining('stdout cannot be written to')])
  })
})

describe('what is loaded to start', () => {
  /** Every module that is loaded before anything runs, beginning with a file. */
  function loadedBy(file: string, seen = new Set<string>()): Set<string> {
    if (seen.has(file)) return seen
    seen.add(file)
    const source = readFileSync(file, 'utf8')
    for (const [, what = '', from = ''] of source.matchAll(/^(?:import|export) (.*?)from '([^']+)'/gms)) {
      if (what.startsWith('type ')) continue
      if (from.startsWith('.')) loadedBy(join(dirname(file), from), seen)
      else seen.add(from)
    }
    return seen
  }

  const cliFile = (name: string) => join(root, 'runtime/cli', `${name}.ts`)

  test('help needs nothing but the parser', () => {
    const libraries = [...loadedBy(cliFile('main'))].filter(
      (name) => !name.startsWith('/') && !name.startsWith('node:'),
    )
    expect(libraries).toEqual(['commander'])
  })

  test.each([
    'run',
    'plan',
    'status',
    'stop',
    'wait',
    'rerun',
    'explain',
    'logs',
    'node',
    'attached',
    '../connect',
    '../client/client',
  ])('%s needs no engine, no store and no machine', (name) => {
    const loaded = [...loadedBy(cliFile(name))]
    for (const heavy of [/dockerode/, /rocksdb/, /abstract-level/, /xstate/, /runtime\/open\.ts/, /\/yaml/]) {
      expect(loaded.filter((one) => heavy.test(one))).toEqual([])
    }
  })
})
