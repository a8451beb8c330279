import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { checkSources, fileRules, tidyLimits } from '../scripts/lib/tidy/rules.ts'
import { parseSource } from '../scripts/lib/tidy/source.ts'
import { checkTree, formatBreach } from '../scripts/tidy.ts'

/** The breaches of a small tree, as `file:line rule`, without their sentences. */
function breachesOf(files: Record<string, string>): string[] {
  const sources = Object.entries(files).map(([path, text]) => parseSource(path, text))
  return checkSources(sources).map(({ file, line, rule }) => `${file}:${line} ${rule}`)
}

const one = (path: string, text: string) => breachesOf({ [path]: text })
const lines = (count: number) => '\n'.repeat(count)

test('the tree is tidy', () => {
  const { files, breaches } = checkTree(join(import.meta.dirname, '..'))
  expect(files).toBeGreaterThan(20)
  expect(breaches.map(formatBreach)).toEqual([])
})

describe('a layer may import', () => {
  test.each([
    ['actors/task.ts', `import { setup } from 'xstate'`],
    ['actors/task.ts', `import { Value } from 'typebox/value'`],
    ['actors/schedulers/spread.ts', `import { TaskSpec } from '../model.ts'`],
    ['transport/websocket.ts', `import { WebSocket } from 'ws'\nimport { randomBytes } from 'node:crypto'`],
    ['runtime/drivers/driver.ts', `import type { TaskSpec } from '../../actors/model.ts'`],
    ['runtime/storage/rocksdb.ts', `import { RocksLevel } from '@nxtedition/rocksdb'\nimport './storage.ts'`],
    ['runtime/drivers/docker/driver.ts', `import Docker from 'dockerode'\nimport { pull } from './images.ts'`],
    [
      'runtime/host/journal.ts',
      `import { crc32 } from 'node:zlib'\nimport type { Storage } from '../storage/storage.ts'`,
    ],
    ['runtime/host/journal.ts', `import { encode } from '../../transport/codec.ts'`],
    ['runtime/manager/manager.ts', `import type { Transport } from '../../transport/transport.ts'`],
    ['runtime/drivers/docker/logs.ts', `import { OutputFile } from '../output-file.ts'`],
    ['runtime/client/system.ts', `import type { Clock } from '../clock.ts'\nexport const at = () => Date.now()`],
    ['runtime/client/handshake.ts', `import { version } from '../version.ts'`],
    ['runtime/open.ts', `const { Rocks } = await import('./storage/rocksdb.ts')`],
    ['runtime/cli/main.ts', `import { Command } from 'commander'\nimport { open } from '../open.ts'`],
    ['runtime/open.ts', `import type { Rocks } from './storage/rocksdb.ts'`],
    ['runtime/cli/chart.ts', `import { readGraph } from '../../inspector/chart/graph.ts'`],
    ['inspector/chart/machines.ts', `import { taskMachine } from '../../actors/task.ts'`],
    ['inspector/main.ts', `import { connect } from '../runtime/client/client.ts'\nimport './chart/svg.ts'`],
    ['test/simulation/cluster.ts', `import '../../runtime/drivers/docker/driver.ts'`],
  ])('%s: %s', (path, text) => expect(one(path, text)).toEqual([]))
})

describe('a layer may not import', () => {
  test.each([
    ['actors/task.ts', `import { readFileSync } from 'node:fs'`],
    ['actors/task.ts', `import type { Clock } from '../runtime/clock.ts'`],
    ['actors/task.ts', `type Clock = import('../runtime/clock.ts').Clock`],
    ['actors/task.ts', `export * from 'ws'`],
    ['actors/task.ts', `const name = 'node:fs'; import(name)`],
    ['transport/codec.ts', `import { ErrorCode } from '../actors/protocol/errors.ts'`],
    ['transport/codec.ts', `import { pino } from 'pino'`],
    ['runtime/drivers/driver.ts', `import { TaskSpec } from '../../actors/model.ts'`],
    ['runtime/storage/storage.ts', `import type { Mailbox } from '../host/mailbox.ts'`],
    ['runtime/storage/memory.ts', `import { Rocks } from './rocksdb.ts'`],
    ['runtime/storage/memory.ts', `import { Level } from 'abstract-level'`],
    ['runtime/drivers/docker/driver.ts', `import { spawn } from '../process/spawner.ts'`],
    ['runtime/drivers/output-file.ts', `import { pull } from './docker/images.ts'`],
    ['runtime/client/client.ts', `import { clientClock } from './system.ts'`],
    ['runtime/drivers/process/driver.ts', `import { Mailbox } from '../../host/mailbox.ts'`],
    ['runtime/host/journal.ts', `import { Rocks } from '../storage/rocksdb.ts'`],
    ['runtime/host/journal.ts', `import type { Rocks } from '../storage/rocksdb.ts'`],
    ['runtime/manager/door.ts', `import { listen } from '../../transport/websocket.ts'`],
    ['runtime/worker/worker.ts', `import { readFile } from 'node:fs/promises'`],
    ['runtime/client/client.ts', `import { crc32 } from 'node:zlib'`],
    ['runtime/client/client.ts', `import { Mailbox } from '../host/mailbox.ts'`],
    ['runtime/conformance/storage.ts', `import { test } from 'vitest'`],
    ['runtime/open.ts', `import { Rocks } from './storage/rocksdb.ts'`],
    ['runtime/cli/up.ts', `export { DockerDriver } from '../drivers/docker/driver.ts'`],
    ['runtime/cli/up.ts', `import { build } from '../../scripts/build.ts'`],
    ['inspector/main.ts', `import { Manager } from '../runtime/manager/manager.ts'`],
    ['inspector/main.ts', `import { readFile } from 'node:fs/promises'`],
    ['inspector/chart/svg.ts', `import { readFile } from 'node:fs/promises'`],
    ['inspector/chart/svg.ts', `import { connect } from '../../runtime/client/client.ts'`],
    ['inspector/chart/svg.ts', `import { main } from '../main.ts'`],
    ['runtime/cli/up.ts', `import { main } from '../../inspector/main.ts'`],
    ['runtime/client/client.ts', `import { readGraph } from '../../inspector/chart/graph.ts'`],
  ])('%s: %s', (path, text) => expect(one(path, text)).toEqual([`${path}:1 layer`]))
})

describe('banned globals', () => {
  test.each([
    'const at = Date.now()',
    'const at = new Date(0)',
    'const roll = Math.random()',
    'const { random } = Math',
    `const roll = Math['random']()`,
    'setTimeout(() => {}, 1)',
    'const home = process.env',
    'console.error(1)',
    'const id = crypto.randomUUID()',
    'const at = performance.now()',
    'const wall = globalThis',
    'const clock = { Date }',
    'const later = <Later>setInterval',
    'const page = fetch as never',
  ])('%s', (text) => {
    for (const path of [
      'actors/task.ts',
      'runtime/host/timers.ts',
      'runtime/client/client.ts',
      'inspector/chart/svg.ts',
    ]) {
      expect(one(path, text)).toEqual([`${path}:1 banned-global`])
    }
    for (const path of ['test/a.test.ts', 'runtime/drivers/process/driver.ts', 'runtime/cli/main.ts']) {
      expect(one(path, text)).toEqual([])
    }
  })

  test('actors never wait', () => {
    expect(one('actors/task.ts', 'export async function decide() {}')).toEqual(['actors/task.ts:1 banned-global'])
    expect(one('actors/task.ts', 'const done = Promise.resolve()')).toEqual(['actors/task.ts:1 banned-global'])
    expect(one('runtime/host/actor.ts', 'export async function decide() { await 0 }')).toEqual([])
  })

  test('a field, a type or a string of that name is free', () => {
    const text = `
      export type Ended = { process: string; at: Date }
      export const drivers = { process: 1, 'fetch': 2 }
      export const text = (ended: Ended) => 'Date ' + ended.process + Math.max(1, 2) // Math.random
      export class Driver { process = 1 }`
    expect(one('actors/task.ts', text)).toEqual([])
  })
})

describe('sizes', () => {
  test('a file', () => {
    const { fileLinesMax } = tidyLimits
    expect(one('actors/task.ts', lines(fileLinesMax))).toEqual([])
    expect(one('actors/task.ts', lines(fileLinesMax + 1))).toEqual([`actors/task.ts:${fileLinesMax + 1} file-length`])
  })

  test.each([
    ['function', (body: string) => `function decide() {${body}}`],
    ['arrow', (body: string) => `const decide = () => {${body}}`],
    ['method', (body: string) => `class Task { decide() {${body}} }`],
    ['argument', (body: string) => `test('decides', () => {${body}})`],
  ])('a function: %s', (_, wrap) => {
    const { functionLinesMax } = tidyLimits
    expect(one('actors/task.ts', `\n${wrap(lines(functionLinesMax - 1))}`)).toEqual([])
    expect(one('actors/task.ts', `\n${wrap(lines(functionLinesMax))}`)).toEqual(['actors/task.ts:2 function-length'])
  })

  test('braces in strings, templates and comments do not count', () => {
    // The braces of a template's placeholder are the parser's business as well.
    const text = ['function decide() { return `}$', '{"{"}` /* } */ + "{" }'].join('')
    expect(one('actors/task.ts', text + lines(200))).toEqual([])
  })

  test('a list of tests may be longer', () => {
    expect(one('test/a.test.ts', `describe('a', () => {${lines(100)}})`)).toEqual([])
    const suite = `export function suite({ test }) {\ntest('a', () => {})${lines(100)}}`
    expect(one('runtime/conformance/storage.ts', suite)).toEqual([])
    const other = `export function suite() {${lines(100)}}`
    expect(one('runtime/conformance/storage.ts', other)).toEqual(['runtime/conformance/storage.ts:1 function-length'])
  })
})

describe('cycles', () => {
  test('of values are named, file by file', () => {
    const tree = {
      'actors/a.ts': `import { b } from './b.ts'`,
      'actors/b.ts': `export { c } from './c.ts'`,
      'actors/c.ts': `import { a } from './a.ts'`,
    }
    expect(breachesOf(tree)).toEqual(['actors/a.ts:1 import-cycle'])
    const [breach] = checkSources(Object.entries(tree).map(([path, text]) => parseSource(path, text)))
    expect(breach?.message).toContain('actors/a.ts → actors/b.ts → actors/c.ts → actors/a.ts')
  })

  test('of types, and of what is loaded later, are no cycles', () => {
    expect(
      breachesOf({ 'actors/a.ts': `import { b } from './b.ts'`, 'actors/b.ts': `import type { A } from './a.ts'` }),
    ).toEqual([])
    expect(
      breachesOf({ 'test/a.ts': `import { b } from './b.ts'`, 'test/b.ts': `export const a = () => import('./a.ts')` }),
    ).toEqual([])
  })
})

describe('names and manners', () => {
  test.each([
    ['runtime/host/mailBox.ts', 'file-name'],
    ['runtime/host/journal_utils.ts', 'file-name'],
    ['runtime/host/utils.ts', 'file-name'],
    ['test/docker-helpers.ts', 'file-name'],
    ['actors/common/clock.ts', 'file-name'],
    ['runtime/stray.ts', 'place'],
    ['elsewhere/noun.ts', 'place'],
  ])('%s: %s', (path, rule) => expect(one(path, '').map((breach) => breach.split(' ')[1])).toContain(rule))

  test('a relative import carries its ending', () => {
    expect(one('test/a.ts', `import { b } from './b'`)).toEqual(['test/a.ts:1 import-extension'])
    expect(one('test/a.ts', `import { b } from './b.js'`)).toEqual(['test/a.ts:1 import-extension'])
    expect(one('test/a.ts', `import { b } from './b.ts'`)).toEqual([])
  })

  test('nothing unfinished stays in a comment', () => {
    const mark = 'TO' + 'DO'
    expect(one('actors/task.ts', `\n/* one line\n ${mark} the rest */`)).toEqual(['actors/task.ts:2 unfinished'])
    expect(one('actors/task.ts', `export const column = '${mark}'`)).toEqual([])
  })

  test('a test left out says why', () => {
    expect(one('test/a.test.ts', `test.only('a', run)`)).toEqual(['test/a.test.ts:1 test-left-out'])
    expect(one('test/a.test.ts', `describe.sequential.skip('a', run)`)).toEqual(['test/a.test.ts:1 test-left-out'])
    expect(one('test/a.test.ts', `test.skipIf(noEngine)('a', run)`)).toEqual(['test/a.test.ts:1 test-left-out'])
    expect(one('test/a.test.ts', `// It needs an engine.\ntest.skipIf(noEngine)('a', run)`)).toEqual([])
    expect(one('test/a.test.ts', `stream.skip(1)`)).toEqual([])
  })
})

test('each rule is broken somewhere above, and a breach is one line with what to do', () => {
  expect(Object.keys(fileRules)).toHaveLength(9)
  const [breach] = checkSources([parseSource('actors/task.ts', 'Date.now()')])
  expect(breach && formatBreach(breach)).toBe(
    'actors/task.ts:1 banned-global: Date is banned in this layer; take a Clock and ask nowMs()',
  )
})

test('a file that cannot be parsed is named', () => {
  expect(() => parseSource('actors/task.ts', '\nconst = 1')).toThrow('actors/task.ts:2 cannot be parsed')
})
