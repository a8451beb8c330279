import { rm } from 'node:fs/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StartFailureCode, TaskSpec } from '../../actors/model.ts'
import { clean, failureOf } from '../../runtime/drivers/docker/failure.ts'
import { Bench, newKey, shell, whyNoEngine } from './docker-fixture.ts'

const missing = await whyNoEngine()

/** What makes a start fail, with its code, whether it may be tried again, and a word of the sentence. */
const failing: [string, Partial<TaskSpec>, StartFailureCode, boolean, RegExp][] = [
  ['an image that is not there and may not be pulled', { image: 'no/such:1' }, 'no-such-image', false, /no\/such:1/],
  [
    'an image id that is not there',
    { image: `sha256:${'0'.repeat(64)}`, pull: 'missing' },
    'no-such-image',
    false,
    /id/,
  ],
  ['a bad reference', { image: 'BAD:::ref' }, 'bad-reference', false, /lowercase/],
  ['an empty reference', { image: ' ' }, 'bad-spec', false, /needs an image/],
  ['a missing command, with an init', { command: ['/no/such'] }, 'no-such-command', false, /\/no\/such/],
  ['a missing command, without one', { command: ['/no/such'], init: false }, 'no-such-command', false, /\/no\/such/],
  ['a missing name in PATH', { command: ['nosuchprogram'], init: false }, 'no-such-command', false, /nosuchprogram/],
  ['no command at all', { command: [] }, 'no-such-command', false, /No command/],
  ['a folder as command, with an init', { command: ['/etc'] }, 'not-executable', false, /\/etc/],
  ['a file that cannot be executed', { command: ['/etc/passwd'], init: false }, 'not-executable', false, /passwd/],
  ['a user who is not there', { user: 'nobodyhere' }, 'no-such-user', false, /nobodyhere/],
  ['a group that is not there', { user: 'root:nogrouphere' }, 'no-such-user', false, /nogrouphere/],
  ['a relative working directory', { workdir: 'here' }, 'bad-workdir', false, /here/],
  ['a file as working directory', { workdir: '/bin/busybox' }, 'bad-workdir', false, /busybox/],
  ['too little memory', { memoryBytes: 1_000 }, 'bad-spec', false, /6 MiB/],
  ['more cpus than there are', { cpus: 4_000 }, 'bad-spec', false, /CPUs/],
  ['too little cpu', { cpus: 0.001 }, 'bad-spec', false, /0\.01/],
  ['a network that is not there', { network: 'nosuchnet' }, 'bad-spec', false, /nosuchnet/],
  ["another container's network", { network: 'container:x' }, 'bad-spec', false, /another container/],
  ['a label of ours', { labels: { 'troupe.node': 'x' } }, 'bad-spec', false, /troupe\.node/],
  ['a NUL in the environment', { env: { A: 'b\0c' } }, 'bad-spec', false, /NUL/],
  ['a name with =', { env: { 'A=B': 'c' } }, 'bad-spec', false, /A=B/],
]

// Needs a real engine with the test image; `whyNoEngine` prints which of them is missing, and fails with CI=true.
describe.skipIf(missing !== undefined)('the docker driver says why a start failed', () => {
  let bench: Bench
  beforeEach(() => {
    bench = new Bench()
  })
  afterEach(() => bench.clear())

  test('each reason has its code, and its container can be removed', async () => {
    const mine = await bench.open()
    const checks = await Promise.allSettled(
      failing.map(async ([what, spec, code, retryable, words]) => {
        const key = await mine.run(shell('exit 0', spec))
        expect(mine.of(key), what).toMatchObject([{ type: 'StartFailed', code, retryable }])
        const [end] = mine.of(key)
        expect(end?.type === 'StartFailed' && end.message, what).toMatch(words)
        expect(end?.type === 'StartFailed' && end.message, what).not.toMatch(/OCI runtime|HTTP code|unknown\.?$/)
        // Asked once more it says the same, and starts nothing.
        await mine.run(shell('exit 0', spec), key)
        expect(mine.of(key), what).toHaveLength(2)
        await mine.driver.remove(key)
      }),
    )
    for (const check of checks) if (check.status === 'rejected') throw check.reason
    expect(await bench.containers()).toEqual([])
  })

  test('a start that failed is told again by a later driver, and is not tried again', async () => {
    const first = await bench.open()
    const key = await first.run({ command: ['/no/such'], init: false })
    await first.driver.close()
    const later = await bench.open()
    expect(later.of(key)).toMatchObject([{ type: 'StartFailed', code: 'no-such-command' }])
    await later.run(shell('exit 0'), key)
    expect(later.of(key).map(({ type }) => type)).toEqual(['StartFailed', 'StartFailed'])
  })

  test('a shell that ends with 127 is an exit, for the shell itself was there', async () => {
    const mine = await bench.open()
    const key = await mine.run(shell('nosuchprogram'))
    expect(await mine.ended(key)).toMatchObject({ type: 'Exited', exitCode: 127 })
  })

  test('a name that a stranger has taken is refused in a sentence, and the stranger is let be', async () => {
    const mine = await bench.open()
    const key = newKey()
    const body = { Image: 'troupe-test/busybox:1', Cmd: ['true'], HostConfig: { NetworkMode: 'none' } }
    await bench.ask('POST', `/containers/create?name=${bench.containerName(key)}`, body)
    try {
      await mine.run(shell('exit 0'), key)
      const [end] = mine.of(key)
      expect(end).toMatchObject({ type: 'StartFailed', code: 'start-failed', retryable: true })
      expect(end?.type === 'StartFailed' && end.message).toContain('exists already')
      await mine.driver.remove(key)
      expect((await bench.inspect(key)).status).toBe(200)
    } finally {
      await bench.ask('DELETE', `/containers/${bench.containerName(key)}`)
    }
  })
})

describe('without an engine', () => {
  test('the probe says what to do, and watch resolves as unavailable', async () => {
    const bench = new Bench('/nonexistent/docker.sock')
    const driver = await bench.create()
    expect(await driver.probe()).toEqual({
      state: 'unavailable',
      detail: 'no Docker engine answers at /nonexistent/docker.sock: start it',
    })
    const events: unknown[] = []
    await driver.watch({ clusterId: 'c', nodeId: 'n' }, (event) => events.push(event))
    expect(events).toMatchObject([{ type: 'Availability', state: 'unavailable' }])
    await expect(driver.list()).rejects.toThrow(/no Docker engine/)
    // Whether an earlier life started it cannot be known, so nothing is told until the engine answers.
    const starting = driver.start(newKey(), shell('exit 0'), new AbortController().signal)
    await driver.close()
    await starting
    expect(events).toHaveLength(1)
    await rm(bench.outputDir, { recursive: true })
  })
})

describe('sentences of engines', () => {
  const prefix = 'failed to create shim task: OCI runtime create failed: runc create failed: '
  test.each<[string, number, StartFailureCode, boolean]>([
    [
      `${prefix}unable to start container process: exec: "x": executable file not found in $PATH: unknown`,
      400,
      'no-such-command',
      false,
    ],
    [
      `${prefix}unable to start container process: exec: "/x": permission denied: unknown`,
      400,
      'not-executable',
      false,
    ],
    [`${prefix}unable to start container process: exec /x: exec format error: unknown`, 400, 'not-executable', false],
    [
      `${prefix}unable to start container process: error during container init: exec: "/x": stat /x: no such file or directory: unknown`,
      400,
      'no-such-command',
      false,
    ],
    [
      'driver failed programming external connectivity on endpoint a (b): Bind for 0.0.0.0:80 failed: port is already allocated',
      500,
      'port-taken',
      true,
    ],
    [
      'driver failed programming external connectivity on endpoint a (b): listen tcp4 0.0.0.0:80: bind: address already in use',
      500,
      'port-taken',
      true,
    ],
    ['No such image: a/b:1', 404, 'no-such-image', false],
    ['write /var/lib/docker: no space left on device', 500, 'start-failed', true],
    ['something new', 400, 'bad-spec', false],
    ['something new', 500, 'start-failed', true],
  ])('%s', (message, status, code, retryable) => {
    expect(failureOf(message, status)).toMatchObject({ code, retryable })
  })

  test('are cleaned of the layers that they passed through', () => {
    expect(clean(`Error response from daemon: ${prefix}exec: "x": nope: unknown`)).toBe('exec: "x": nope')
    expect(failureOf('x'.repeat(5_000)).message.length).toBeLessThanOrEqual(1_000)
  })
})
