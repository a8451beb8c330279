/** What people write: durations, sizes, addresses, mounts, environments; and what they read. */
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { findTarget, parseAddress, parseListen } from '../../runtime/cli/address.ts'
import { createConsoleLogger } from '../../runtime/cli/console-logger.ts'
import { formatAge, formatDuration, parseDuration } from '../../runtime/cli/duration.ts'
import { exitCodeOf, exitCodeOfTask, Failure, UsageError } from '../../runtime/cli/failure.ts'
import { parseMount, parseTmpfs } from '../../runtime/cli/mount.ts'
import { Output } from '../../runtime/cli/output.ts'
import { formatSize, parseSize } from '../../runtime/cli/size.ts'
import { closestWord } from '../../runtime/cli/suggest.ts'
import { tableLines } from '../../runtime/cli/table.ts'
import { detailOf } from '../../runtime/cli/task-row.ts'
import { version } from '../../runtime/version.ts'
import { freshTask } from './client-manager.ts'

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['2m', 120_000],
    ['1m30s', 90_000],
    ['1.5s', 1_500],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0', 0],
    ['0s', 0],
  ])('%s is %i ms', (text, ms) => expect(parseDuration(text)).toBe(ms))

  test.each(['', '10', 's', '-1s', '10 s', '1x', '5S5', '1e3s'])('"%s" is refused', (text) => {
    expect(() => parseDuration(text)).toThrow(RangeError)
  })

  test('says what is wrong', () => {
    expect(() => parseDuration('10')).toThrow('"10" has no unit; write 10s, 10ms or 10m')
    expect(() => parseDuration('25d')).toThrow('too long')
  })

  test('are written in the two largest units', () => {
    const texts = [0, 350, 12_400, 190_000, 7_200_000, 97 * 3_600_000].map(formatDuration)
    expect(texts).toEqual(['0ms', '350ms', '12s', '3m10s', '2h', '4d1h'])
    expect([-5, 59_999, 60_000, 7_200_000, 200_000_000].map(formatAge)).toEqual(['0s', '59s', '1m', '2h', '2d'])
  })
})

describe('sizes', () => {
  test.each([
    ['64m', 64 * 2 ** 20],
    ['1g', 2 ** 30],
    ['512MiB', 512 * 2 ** 20],
    ['512MB', 512 * 2 ** 20],
    ['1.5G', 1.5 * 2 ** 30],
    ['4096', 4_096],
    ['8b', 8],
    ['1k', 1_024],
  ])('%s is %i bytes', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  test.each(['', 'm', '-1m', '0', '1x', '64 megs', '9999999t'])('"%s" is refused', (text) => {
    expect(() => parseSize(text)).toThrow(RangeError)
  })

  test('are written in the largest unit', () => {
    expect([512, 64 * 2 ** 20, 1.5 * 2 ** 30, 2 ** 40].map(formatSize)).toEqual(['512B', '64MiB', '1.5GiB', '1TiB'])
  })
})

test('mounts', () => {
  const parse = (text: string) => parseMount(text, '/home/me')
  expect(parse('/a:/b')).toEqual({ source: '/a', target: '/b' })
  expect(parse('/a:/b:rw')).toEqual({ source: '/a', target: '/b' })
  expect(parse('/a:/b:ro')).toEqual({ source: '/a', target: '/b', readOnly: true })
  for (const [written, source] of [
    ['.', '/home/me'],
    ['..', '/home'],
    ['./data', '/home/me/data'],
    ['../data/', '/home/data'],
    ['data/in', '/home/me/data/in'],
    ['/kept/../as/it/is', '/kept/../as/it/is'],
  ]) {
    expect(parse(`${written}:/b`)).toEqual({ source, target: '/b' })
  }
  for (const wrong of ['/a', '/a:/b:x', '/a:b', ':/b', '']) expect(() => parse(wrong)).toThrow('is no mount; write')
  expect(() => parse('data:/b')).toThrow('there are no volumes with names; write ./data for a folder')
  expect(() => parse('~/data:/b')).toThrow('"~/data" is for a shell to read')
})

test('file systems in memory', () => {
  expect(parseTmpfs('/run')).toEqual({ target: '/run' })
  expect(parseTmpfs('/run:size=64m')).toEqual({ target: '/run', sizeBytes: 64 * 2 ** 20 })
  for (const wrong of ['run', '/run:64m', '/run:size=', '/run:noexec', '/run:size=1m,noexec']) {
    expect(() => parseTmpfs(wrong)).toThrow('is no tmpfs; write')
  }
  expect(() => parseTmpfs('/run:size=big')).toThrow('"big" is no size')
})

test('the word that was meant', () => {
  expect(closestWord('comand', ['command', 'cpus'])).toBe('command')
  expect(closestWord('xyz', ['command', 'cpus'])).toBeUndefined()
})

describe('addresses', () => {
  test.each([
    ['127.0.0.1:4747', 'ws://127.0.0.1:4747'],
    ['example.org', 'ws://example.org:4747'],
    ['ws://h:80', 'ws://h'],
    ['wss://example.org', 'wss://example.org'],
    ['[::1]:5000', 'ws://[::1]:5000'],
  ])('%s is %s', (text, url) => expect(parseAddress(text)).toBe(url))

  test.each(['http://h:1', 'h:99999', '', 'a b'])('"%s" is refused', (text) => {
    expect(() => parseAddress(text)).toThrow(UsageError)
  })

  test('listening beyond this machine needs --insecure', () => {
    expect(parseListen('127.0.0.1:0', false)).toBe('127.0.0.1:0')
    expect(parseListen('[::1]:1', false)).toBe('[::1]:1')
    expect(() => parseListen('0.0.0.0:4747', false)).toThrow('--insecure')
    expect(parseListen('0.0.0.0:4747', true)).toBe('0.0.0.0:4747')
    for (const wrong of ['4747', '127.0.0.1', 'h:99999']) expect(() => parseListen(wrong, true)).toThrow('host:port')
  })
})

describe('the manager to speak to', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'troupe-cli-'))
    writeFileSync(join(folder, 'token'), 'from-file\n')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  test('flag, then environment, then default', () => {
    const env = { TROUPE_ADDR: 'env:1', TROUPE_TOKEN: 'from-env', TROUPE_DATA_DIR: folder }
    expect(findTarget({ addr: 'flag:1', token: 'from-flag' }, env, '/')).toMatchObject({
      url: 'ws://flag:1',
      token: 'from-flag',
    })
    expect(findTarget({}, env, '/')).toMatchObject({ url: 'ws://env:1', token: 'from-env' })
    expect(findTarget({}, { TROUPE_DATA_DIR: folder }, '/')).toMatchObject({
      url: 'ws://127.0.0.1:4747',
      token: 'from-file',
    })
    expect(findTarget({ dataDir: folder }, { TROUPE_DATA_DIR: '/x' }, '/')).toMatchObject({ token: 'from-file' })
    expect(findTarget({ dataDir: '.' }, {}, folder)).toMatchObject({ token: 'from-file' })
  })

  test('no token says where it was looked for', () => {
    const { token, tokenHint } = findTarget({ dataDir: '/nowhere' }, {}, '/')
    expect(token).toBe('')
    expect(tokenHint).toBe('There is no token in /nowhere/token: give --data-dir, --token or TROUPE_TOKEN.')
  })

  test(`this machine's token is not shown to another machine unless asked for`, () => {
    mkdirSync(join(folder, '.troupe'))
    renameSync(join(folder, 'token'), join(folder, '.troupe', 'token'))
    expect(findTarget({}, {}, folder).token).toBe('from-file')
    expect(findTarget({ addr: 'far:1' }, {}, folder).token).toBe('')
    expect(findTarget({ addr: 'far:1', dataDir: '.troupe' }, {}, folder).token).toBe('from-file')
  })
})

describe('exit codes', () => {
  test('of errors', () => {
    const codes = (
      ['NotFound', 'Invalid', 'Unavailable', 'Unauthorized', 'OutcomeUnknown', 'Conflict', 'Internal'] as const
    ).map((code) => exitCodeOf(new TroupeError(code, 'x')))
    expect(codes).toEqual([3, 2, 4, 4, 4, 1, 1])
    expect(exitCodeOf(new UsageError('x'))).toBe(2)
    expect(exitCodeOf(new Failure(124, 'x'))).toBe(124)
    expect(exitCodeOf(new Error('x'))).toBe(1)
  })

  test.each([
    [{ state: 'Completed', outcome: 'succeeded', exitCode: 0 }, 0],
    [{ state: 'Completed', outcome: 'stopped', exitCode: 137 }, 137],
    [{ state: 'Completed', outcome: 'stopped', exitCode: null }, 143],
    [{ state: 'Failed', outcome: 'exit', exitCode: 3 }, 3],
    [{ state: 'Failed', outcome: 'oom', exitCode: 137 }, 137],
    [{ state: 'Failed', outcome: 'timeout', exitCode: 0 }, 124],
    [{ state: 'Failed', outcome: 'timeout', exitCode: 143 }, 124],
    [{ state: 'Failed', outcome: 'lost', exitCode: null }, 125],
    [{ state: 'Failed', outcome: 'unhealthy', exitCode: 0 }, 125],
    [{ state: 'Failed', outcome: 'start', exitCode: null, reason: 'no-such-image: x' }, 125],
    [{ state: 'Failed', outcome: 'start', exitCode: null, reason: 'no-such-command: x' }, 127],
    [{ state: 'Failed', outcome: 'start', exitCode: null, reason: 'not-executable: x' }, 126],
  ] as const)('of a task %j is %i', (change, code) => {
    expect(exitCodeOfTask({ ...freshTask('a'), ...change })).toBe(code)
  })
})

describe('what is shown', () => {
  test.each([
    [{ detail: 'Pulling' }, 'Pulling'],
    [{ detail: 'Queued', reason: 'no nodes' }, 'Queued: no nodes'],
    [{ outcome: 'succeeded', exitCode: 0 }, 'exit 0'],
    [{ outcome: 'exit', exitCode: 3, reason: 'exited with code 3' }, 'exit 3'],
    [{ outcome: 'exit', exitCode: 139, signal: 'SIGSEGV' }, 'exit 139 (SIGSEGV)'],
    [{ outcome: 'stopped', exitCode: 143 }, 'stopped, exit 143'],
    [{ outcome: 'oom', exitCode: 137, reason: 'out of memory' }, 'oom: out of memory'],
    [{ outcome: 'start', reason: 'no-such-image: x' }, 'start: no-such-image: x'],
  ] as const)('%j as %s', (change, text) => expect(detailOf({ ...freshTask('a'), ...change })).toBe(text))

  test('a table is aligned, cut to the terminal, and lets nothing through that moves the cursor', () => {
    const shape = [
      { title: 'A', text: (row: string[]) => row[0] ?? '' },
      { title: 'LAST', text: (row: string[]) => row[1] ?? '' },
    ]
    const rows = [
      ['long-one', 'x\u001b[2Jy\nz'],
      ['b', 'a sentence that is much too long'],
    ]
    expect(tableLines(shape, rows)).toEqual([
      'A         LAST',
      'long-one  x [2Jy z',
      'b         a sentence that is much too long',
    ])
    expect(tableLines(shape, rows, 20)[2]).toBe('b         a sentenc…')
  })

  test('a table counts what a letter takes, and leaves spare columns out of a narrow terminal only', () => {
    const wide = [
      { title: 'NAME', text: (row: string[]) => row[0] ?? '' },
      { title: 'X', text: () => 'x' },
    ]
    expect(tableLines(wide, [['漢字'], ['e\u0301'], ['abcd']])).toEqual([
      'NAME  X',
      '漢字  x',
      'e\u0301     x',
      'abcd  x',
    ])
    const detail = 'why it is where it is, at some length'
    const shape = [
      { title: 'ID', text: () => 'abc' },
      { title: 'NAME', text: () => 'nightly', spare: 1 },
      { title: 'DRIVER', text: () => 'process', spare: 2 },
      { title: 'DETAIL', text: () => detail },
    ]
    expect(tableLines(shape, [[]])[1]).toBe(`abc  nightly  process  ${detail}`)
    expect(tableLines(shape, [[]], 50)[1]).toBe('abc  nightly  why it is where it is, at some leng…')
    expect(tableLines(shape, [[]], 40)[1]).toBe('abc  why it is where it is, at some len…')
    // What fits anyway loses nothing.
    expect(tableLines(shape.slice(0, 3), [[]], 22)[1]).toBe('abc  nightly  process')
  })

  test('a pipe that is full is waited for once, however many lines there are', async () => {
    const stuck = () => new Writable({ highWaterMark: 1, write: () => {} })
    const [stdout, stderr] = [stuck(), stuck()]
    const output = new Output(stdout, stderr, {})
    const before = stdout.listenerCount('drain')
    for (let at = 0; at < 100; at += 1) output.line('a line')
    expect(stdout.listenerCount('drain')).toBe(before + 1)
    const room = output.write('stdout', 'the last')
    stdout.destroy()
    await room
    expect(stdout.listenerCount('drain')).toBe(before)
  })

  test('log lines are one line each, without secrets', () => {
    const lines: string[] = []
    const logger = createConsoleLogger((line) => lines.push(line), { nowMs: () => 0 }, 'info')
    logger.debug('not shown')
    logger.info('listening', { address: 'ws://h:1', token: 'abc', error: new Error('a b'), none: undefined, n: 1 })
    logger.warn('two\nlines')
    expect(lines).toEqual([
      '1970-01-01T00:00:00.000Z info  listening address=ws://h:1 token=*** error="a b" n=1',
      '1970-01-01T00:00:00.000Z warn  two lines',
    ])
  })

  test('the version is that of package.json', () => {
    expect(version).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version)
  })
})
