/** What health checks ask of a real engine: addresses, commands inside, and the image's own check. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AttemptKey, TaskSpec } from '../../actors/model.ts'
import { createNodeProber } from '../../runtime/health/node.ts'
import { Bench, eventually, newKey, type Opened, shell, testImage, whyNoEngine } from './docker-fixture.ts'

const docker = async (...args: string[]) => (await promisify(execFile)('docker', args)).stdout.trim()
const missing = await whyNoEngine()
const image = 'troupe-test/health:1'
let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.clear())
afterAll(async () => {
  if (missing === undefined) await docker('rmi', '--force', image)
})

const long = 'trap "exit 0" TERM; while :; do sleep 0.1; done'

/** A port of this machine that nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((closed) => server.close(closed))
  return port
}

async function started(mine: Opened, spec: Partial<TaskSpec>): Promise<AttemptKey> {
  const key = newKey()
  await mine.run(spec, key)
  await mine.told(key, 'Started')
  return key
}

// Needs a real engine with the test image; `whyNoEngine` prints which of them is missing, and fails with CI=true.
describe.skipIf(missing !== undefined)('of a container', () => {
  test('the address is its own on a bridge, this machine on its network, and none without one', async () => {
    const mine = await bench.open()
    const served = shell('mkdir /tmp/w; echo hi > /tmp/w/ready; httpd -f -p 8099 -h /tmp/w', { network: 'bridge' })
    const key = await started(mine, served)
    const host = (await mine.driver.address?.(key)) as string
    expect(host).toMatch(/^\d+\.\d+\.\d+\.\d+$/)
    const probe = { host, port: 8099, signal: AbortSignal.timeout(10_000) }
    const prober = createNodeProber()
    await eventually('it serves', async () => (await prober.tcp(probe)).passed)
    expect(await prober.http({ ...probe, path: '/ready' })).toEqual({ passed: true })
    expect(await prober.http({ ...probe, path: '/other' })).toMatchObject({ passed: false })
    const onHost = await started(mine, shell(long, { network: 'host' }))
    expect(await mine.driver.address?.(onHost)).toBe('127.0.0.1')
    const alone = await started(mine, shell(long))
    expect(await mine.driver.address?.(alone)).toBeUndefined()
    expect(await mine.driver.health?.(alone)).toBeUndefined()
  })

  test('a published port is this machine’s, and another that wants the same fails with port-taken', async () => {
    const mine = await bench.open()
    const ports = [{ target: 8099, host: await freePort(), address: '127.0.0.1' }]
    const serves = shell('mkdir /tmp/w; echo hi > /tmp/w/ready; httpd -f -p 8099 -h /tmp/w', {
      network: 'bridge',
      ports,
    })
    const key = await started(mine, serves)
    const probe = { host: '127.0.0.1', port: ports[0]?.host as number, path: '/ready' }
    const prober = createNodeProber()
    const answers = async () => (await prober.http({ ...probe, signal: AbortSignal.timeout(10_000) })).passed
    await eventually('it serves', answers)
    const late = await mine.run(serves)
    const taken = { type: 'StartFailed', code: 'port-taken', retryable: true }
    expect(await mine.ended(late)).toMatchObject({ ...taken, message: expect.stringMatching(/^A port is taken: /) })
    // Nobody waits between the end of one attempt and the start of the next.
    await mine.driver.stop(key, 0)
    await mine.ended(key)
    await started(mine, serves)
    await eventually('its next attempt serves', answers)
  })

  test('a port that was not chosen is refused, and on the network of the host nothing is published', async () => {
    const mine = await bench.open()
    const open = await mine.run(shell(long, { network: 'bridge', ports: [{ target: 80 }] }))
    expect(await mine.ended(open)).toMatchObject({ type: 'StartFailed', code: 'bad-spec' })
    const onHost = await started(
      mine,
      shell(long, { network: 'host', ports: [{ target: 80, host: await freePort() }] }),
    )
    const { json } = await bench.inspect(onHost)
    expect((json as { HostConfig: { PortBindings: object | null } }).HostConfig.PortBindings ?? {}).toEqual({})
  })

  test('a command runs inside it, as its user and in its folder', async () => {
    const mine = await bench.open()
    const spec = shell(long, { user: '65534:65534', workdir: '/tmp', env: { COLOUR: 'red' } })
    const key = await started(mine, spec)
    const request = { spec, timeoutMs: 10_000, signal: new AbortController().signal }
    const result = await mine.driver.exec?.(key, { ...request, command: ['sh', '-c', 'id -u; pwd; echo $COLOUR'] })
    expect(result).toEqual({ exitCode: 0, output: '65534 /tmp red' })
  })

  test('a command that takes too long is killed', async () => {
    const mine = await bench.open()
    const spec = shell(long)
    const key = await started(mine, spec)
    const request = { spec, signal: new AbortController().signal }
    const late = await mine.driver.exec?.(key, { ...request, timeoutMs: 300, command: ['sleep', '1234'] })
    expect(late).toEqual({ exitCode: undefined, output: 'took longer than 300 ms' })
    await eventually('it is gone', async () => {
      const seen = await mine.driver.exec?.(key, { ...request, timeoutMs: 10_000, command: ['ps'] })
      return seen?.exitCode === 0 && !seen.output.includes('sleep 1234')
    })
  })

  test(`the image's own check is told as the engine tells it`, async () => {
    const made = await docker('create', testImage, 'true')
    const check = 'HEALTHCHECK --interval=1s --timeout=5s --retries=1 CMD ["sh","-c","echo why; test ! -e /tmp/ill"]'
    await docker('commit', '--change', check, made, image)
    await docker('rm', made)
    const mine = await bench.open()
    const spec = shell(long, { image })
    const key = await started(mine, spec)
    const state = async (wanted: string) => (await mine.driver.health?.(key))?.state === wanted
    await eventually('it is healthy', () => state('healthy'))
    const request = { spec, timeoutMs: 10_000, signal: new AbortController().signal }
    await mine.driver.exec?.(key, { ...request, command: ['touch', '/tmp/ill'] })
    await eventually('it is unhealthy', () => state('unhealthy'))
    expect(await mine.driver.health?.(key)).toMatchObject({ detail: 'its HEALTHCHECK ended with code 1: why' })
  })
})
