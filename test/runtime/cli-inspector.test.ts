/** The address of the inspector, from a manager with both its tokens on disk to what a page can do with each of them. */
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connect } from '../../runtime/connect.ts'
import { openTroupe } from '../../runtime/index.ts'
import { openManager } from '../../runtime/open.ts'
import type { OpenedManager } from '../../runtime/options.ts'
import { cli } from './cli-rig.ts'
import { FakeManager, token as fakeToken } from './client-manager.ts'

let dataDir: string
let manager: OpenedManager
const logged: string[] = []
const log = (message: string, fields?: object) => void logged.push(`${message} ${JSON.stringify(fields ?? {})}`)
const logger = { debug: log, info: log, warn: log, error: log }

const open = () => openManager({ listen: '127.0.0.1:0', dataDir, storage: 'memory', logger })
const tokenIn = async (name: string) => (await readFile(join(dataDir, name), 'utf8')).trim()
const ask = (...args: string[]) => cli(['inspector', '--addr', manager.address, '--data-dir', dataDir, ...args])

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'troupe-inspector-'))
  manager = await open()
})

afterEach(async () => {
  await manager.close()
  await rm(dataDir, { recursive: true, force: true })
})

test.each([
  [[], 'token', 'everything'],
  [['--view'], 'view-token', 'view'],
] as const)(
  'troupe inspector %j prints where the page is, with the token in the fragment',
  async (args, file, access) => {
    const { code, stdout, stderr } = await ask(...args)
    const origin = manager.address.replace('ws:', 'http:')
    expect([code, stderr, stdout]).toEqual([0, '', `${origin}/#token=${await tokenIn(file)}\n`])
    // As a page does it.
    const { origin: from, hash } = new URL(stdout)
    const page = await fetch(stdout.trim())
    expect([200, 404]).toContain(page.status)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    await page.arrayBuffer()
    const token = decodeURIComponent(hash.slice('#token='.length))
    await using troupe = await connect(from.replace('http:', 'ws:'), { token })
    expect(troupe.access).toBe(access)
    expect(troupe.clusterId).not.toBe('')
    expect(await troupe.nodes()).toEqual([])
    const run = troupe.run({ driver: 'process', command: ['true'] })
    if (access === 'everything') expect((await run).getSnapshot().context.state).toBe('Pending')
    else await expect(run).rejects.toMatchObject({ code: 'Forbidden', retryable: false })
  },
)

test('what up and manager print is the same address, and no log has a token', async () => {
  expect(`${manager.inspector}\n`).toBe((await ask()).stdout)
  await ask('--view')
  await ask('--token', 'wrong')
  expect(logged.length).toBeGreaterThan(0)
  for (const name of ['token', 'view-token']) expect(logged.join('\n')).not.toContain(await tokenIn(name))
})

test('both tokens are made once, for their owner alone, and differ', async () => {
  const before = [await tokenIn('token'), await tokenIn('view-token')]
  expect(before[0]).not.toBe(before[1])
  for (const name of ['token', 'view-token']) expect((await stat(join(dataDir, name))).mode & 0o777).toBe(0o600)
  await manager.close()
  manager = await open()
  expect([await tokenIn('token'), await tokenIn('view-token')]).toEqual(before)
})

test('a manager refuses to start with an empty file for a token', async () => {
  await writeFile(join(dataDir, 'view-token'), '\n')
  await expect(open()).rejects.toMatchObject({
    code: 'Invalid',
    message: expect.stringContaining('view-token is empty'),
  })
})

describe('which token is meant', () => {
  test('with --view the environment is passed over, for it holds the other', async () => {
    const env = { TROUPE_ADDR: manager.address, TROUPE_DATA_DIR: dataDir, TROUPE_TOKEN: await tokenIn('token') }
    const { stdout } = await cli(['inspector', '--view'], { env })
    expect(stdout).toContain(`#token=${await tokenIn('view-token')}\n`)
  })

  test('--view never prints a token that may do more', async () => {
    const { code, stdout, stderr } = await ask('--view', '--token', await tokenIn('token'))
    expect([code, stdout, stderr]).toEqual([1, '', expect.stringContaining('may do everything, and not only look')])
  })

  test('without it a token that may only look is said to be one', async () => {
    const { code, stdout, stderr } = await ask('--token', await tokenIn('view-token'))
    expect([code, stdout]).toEqual([0, expect.stringContaining('/#token=')])
    expect(stderr).toContain('may only look')
  })

  test('the manager of a version that knows one token is for everything', async () => {
    const old = await FakeManager.start()
    try {
      const args = ['inspector', '--addr', old.address, '--token', fakeToken]
      expect(await cli(args)).toMatchObject({ code: 0, stderr: '' })
      expect(await cli([...args, '--view'])).toMatchObject({ code: 1, stdout: '' })
      await using troupe = await connect(old.address, { token: fakeToken })
      expect(troupe.access).toBe('everything')
    } finally {
      await old.close()
    }
  })

  test('where there is none, it says where to look; where nobody answers, what to start', async () => {
    const lost = await cli(['inspector', '--view', '--addr', manager.address, '--data-dir', join(dataDir, 'none')])
    expect([lost.code, lost.stderr]).toEqual([
      4,
      expect.stringContaining(`no token in ${join(dataDir, 'none/view-token')}`),
    ])
    const { address } = manager
    await manager.close()
    const alone = await cli(['inspector', '--addr', address, '--data-dir', dataDir])
    expect([alone.code, alone.stdout, alone.stderr]).toEqual([4, '', expect.stringContaining('troupe up')])
    manager = await open()
  })
})

test('a Troupe inside an application serves the page as well, and has both tokens', async () => {
  await using troupe = await openTroupe({ storage: 'memory', drivers: [], listen: '127.0.0.1:0' })
  expect(troupe.access).toBe('everything')
  const address = troupe.address as string
  const page = await fetch(address.replace('ws:', 'http:'))
  await page.arrayBuffer()
  expect(page.headers.get('x-content-type-options')).toBe('nosniff')
  await using onlooker = await connect(address, { token: troupe.viewToken })
  expect(onlooker.access).toBe('view')
  await expect(onlooker.stop('nothing')).rejects.toMatchObject({ code: 'Forbidden' })
})
