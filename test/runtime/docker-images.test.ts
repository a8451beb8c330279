import { chmod, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { splitReference } from '../../runtime/drivers/docker/images.ts'
import { Bench, eventually, newKey, outputOf, shell, whyNoEngine } from './docker-fixture.ts'
import { openRegistry, type Registry } from './docker-registry.ts'

const missing = await whyNoEngine()

// Needs a real engine with the test image; `whyNoEngine` prints which of them is missing, and fails with CI=true.
describe.skipIf(missing !== undefined)('the docker driver fetches images', () => {
  const published: string[] = []
  const registries: Registry[] = []
  const searchPath = process.env.PATH
  let bench: Bench
  beforeEach(() => {
    bench = new Bench()
  })
  afterEach(async () => {
    process.env.PATH = searchPath
    await bench.clear()
    for (const image of published.splice(0)) await bench.ask('DELETE', `/images/${image}?force=1`)
    for (const registry of registries.splice(0)) await registry.close()
  })

  const open = async (login?: string) => {
    const registry = await openRegistry(login)
    registries.push(registry)
    const publish = (name = 'team/app') => {
      const image = registry.publish(name)
      published.push(image)
      return image
    }
    return { registry, publish }
  }
  const config = async (content: object): Promise<string> => {
    await bench.create()
    const file = path.join(bench.outputDir, 'config.json')
    await writeFile(file, JSON.stringify(content))
    return file
  }
  const pulls = (registry: Registry) =>
    registry.requests.filter((each) => each.startsWith('GET') && /manifests/.test(each))

  test('a missing image is pulled once and then found; always pulls again; never does not', async () => {
    const { registry, publish } = await open()
    const image = publish()
    const mine = await bench.open()
    const never = await mine.run(shell('exit 0', { image }))
    expect(await mine.ended(never)).toMatchObject({ type: 'StartFailed', code: 'no-such-image', retryable: false })
    expect(registry.requests).toEqual([])
    const first = await mine.run(shell('echo new', { image, pull: 'missing', entrypoint: [] }))
    expect(await mine.ended(first)).toMatchObject({ exitCode: 0 })
    expect(mine.of(first).map(({ type }) => type)).toContain('Pulling')
    expect(mine.of(first).map(({ type }) => type)).toContain('Progress')
    expect((await outputOf(mine.driver, first)).stdout).toBe('new\n')
    const asked = registry.requests.length
    const second = await mine.run(shell('exit 0', { image, pull: 'missing', entrypoint: [] }))
    expect(await mine.ended(second)).toMatchObject({ exitCode: 0 })
    expect(mine.of(second).map(({ type }) => type)).not.toContain('Pulling')
    expect(registry.requests).toHaveLength(asked)
    const always = await mine.run(shell('exit 0', { image, pull: 'always', entrypoint: [] }))
    expect(await mine.ended(always)).toMatchObject({ exitCode: 0 })
    expect(registry.requests.length).toBeGreaterThan(asked)
  })

  test("the image's own entrypoint and command are used unless replaced", async () => {
    const { publish } = await open()
    const image = publish()
    const mine = await bench.open()
    const spec = { driver: 'docker', image, network: 'none' } as const
    const start = async (more: object) => {
      const key = newKey()
      await mine.driver.start(key, { ...spec, ...more }, new AbortController().signal)
      await mine.ended(key)
      return (await outputOf(mine.driver, key)).stdout
    }
    expect(await start({})).toBe('entry command\n')
    expect(await start({ command: ['mine'] })).toBe('entry mine\n')
    expect(await start({ entrypoint: [], command: ['echo', 'bare'] })).toBe('bare\n')
    expect(await start({ entrypoint: ['echo', 'own'], command: ['x'] })).toBe('own x\n')
  })

  test('concurrent starts share one pull, progress is at most one a second, and one may leave', async () => {
    const { registry, publish } = await open()
    const image = publish()
    registry.hold(true)
    const mine = await bench.open()
    const keys = [newKey(), newKey(), newKey()]
    const leaver = new AbortController()
    const spec = shell('exit 0', { image, pull: 'missing', entrypoint: [] })
    const starts = keys.map((key, index) =>
      mine.driver.start(key, spec, index === 0 ? leaver.signal : new AbortController().signal),
    )
    await Promise.all(keys.map((key) => mine.told(key, 'Pulling')))
    await eventually('the layer is being loaded', () => registry.isHolding())
    leaver.abort()
    await starts[0]
    expect(mine.of(keys[0] as (typeof keys)[0]).at(-1)).toMatchObject({ type: 'StartFailed', code: 'start-failed' })
    registry.hold(false)
    await Promise.all(starts)
    for (const key of keys.slice(1)) expect(await mine.ended(key)).toMatchObject({ exitCode: 0 })
    expect(pulls(registry)).toHaveLength(1)
    expect(mine.of(keys[1] as (typeof keys)[1]).filter(({ type }) => type === 'Progress').length).toBeLessThan(10)
  })

  test('a stop while it is pulling ends the pull itself when nobody else waits', async () => {
    const { registry, publish } = await open()
    const image = publish()
    registry.hold(true)
    const mine = await bench.open()
    const key = newKey()
    const starting = mine.run(shell('exit 0', { image, pull: 'missing' }), key)
    await mine.told(key, 'Pulling')
    await eventually('the layer is being loaded', () => registry.isHolding())
    await mine.driver.stop(key, 10_000)
    await starting
    const end = mine.of(key).at(-1)
    expect(end).toMatchObject({ type: 'StartFailed', code: 'start-failed', retryable: true })
    registry.hold(false)
    // The engine has given the pull up with us: the image is not there, and the next start fetches it.
    const next = await mine.run(shell('exit 0', { image, pull: 'missing', entrypoint: [] }))
    expect(mine.of(next).map(({ type }) => type)).toContain('Pulling')
    expect(await mine.ended(next)).toMatchObject({ exitCode: 0 })
    await mine.driver.remove(next)
    expect(await mine.driver.list()).toEqual([])
  })

  test('a pull that makes no progress is given up, and so is a registry that is away', async () => {
    const { registry, publish } = await open()
    const image = publish()
    registry.hold(true)
    const mine = await bench.open({ deadlines: { pullStallMs: 300 } })
    const stalled = await mine.run(shell('exit 0', { image, pull: 'missing' }))
    expect(await mine.ended(stalled)).toMatchObject({ type: 'StartFailed', code: 'pull-failed', retryable: true })
    const away = await mine.run(shell('exit 0', { image: '127.0.0.1:1/a/b:1', pull: 'missing' }))
    expect(await mine.ended(away)).toMatchObject({ type: 'StartFailed', code: 'pull-failed', retryable: true })
    registry.fail(503)
    const broken = await mine.run(shell('exit 0', { image: publish('other/app'), pull: 'always' }))
    expect(await mine.ended(broken)).toMatchObject({ type: 'StartFailed', code: 'pull-failed', retryable: true })
  })

  test('a tag that the registry does not have is no such image, for good', async () => {
    const { registry } = await open()
    const mine = await bench.open()
    const key = await mine.run(shell('exit 0', { image: `${registry.host}/no/such:9`, pull: 'missing' }))
    const end = await mine.ended(key)
    expect(end).toMatchObject({ type: 'StartFailed', code: 'no-such-image', retryable: false })
  })

  test("credentials come from the worker's docker configuration", async () => {
    const { registry, publish } = await open('ann:s3cret:x')
    const image = publish()
    const auth = Buffer.from('ann:s3cret:x').toString('base64')
    const run = async (content: object) => {
      const mine = await bench.open({ dockerConfigPath: await config(content) })
      return mine.ended(await mine.run(shell('exit 0', { image, pull: 'always', entrypoint: [] })))
    }
    const refused = await run({ auths: {} })
    expect(refused).toMatchObject({ type: 'StartFailed', code: 'pull-failed', retryable: false })
    expect(refused.type === 'StartFailed' && refused.message).toContain('docker login')
    const wrong = await run({ auths: { [registry.host]: { auth: Buffer.from('ann:wrong').toString('base64') } } })
    expect(wrong).toMatchObject({ type: 'StartFailed', code: 'pull-failed' })
    expect(JSON.stringify(wrong)).not.toContain('wrong')
    expect(await run({ auths: { [registry.host]: { auth } } })).toMatchObject({ exitCode: 0 })
    expect(await run({ auths: { [`http://${registry.host}/v1/`]: { auth } } })).toMatchObject({ exitCode: 0 })
  })

  test('credential helpers are asked, within a deadline', async () => {
    const { registry, publish } = await open('bob:from-helper')
    const image = publish()
    await bench.create()
    const bin = path.join(bench.outputDir, 'bin')
    await mkdir(bin)
    const helper = async (name: string, script: string) => {
      await writeFile(path.join(bin, `docker-credential-${name}`), `#!/bin/sh\nread server\n${script}\n`)
      await chmod(path.join(bin, `docker-credential-${name}`), 0o755)
    }
    const answer = `[ "$1 $server" = "get ${registry.host}" ] && echo '{"Username":"bob","Secret":"from-helper"}'`
    await helper('good', answer)
    await helper('empty', 'echo "credentials not found in native keychain"; exit 1')
    await helper('broken', 'echo oops; exit 3')
    await helper('slow', 'exec sleep 60')
    process.env.PATH = `${bin}:${searchPath}`
    const run = async (content: object) => {
      const options = { dockerConfigPath: await config(content), deadlines: { credentialsMs: 300 } }
      const mine = await bench.open(options)
      return mine.ended(await mine.run(shell('exit 0', { image, pull: 'always', entrypoint: [] })))
    }
    expect(await run({ credsStore: 'good' })).toMatchObject({ exitCode: 0 })
    expect(await run({ credsStore: 'broken', credHelpers: { [registry.host]: 'good' } })).toMatchObject({ exitCode: 0 })
    expect(await run({ credsStore: 'empty' })).toMatchObject({ code: 'pull-failed', retryable: false })
    for (const [store, words] of [
      ['broken', 'failed with code 3'],
      ['slow', 'did not answer within 0.3 s'],
      ['nowhere', 'is not installed'],
      ['../evil', 'no program can have'],
    ] as const) {
      const end = await run({ credsStore: store })
      expect(end, store).toMatchObject({ type: 'StartFailed', code: 'pull-failed', retryable: true })
      expect(end.type === 'StartFailed' && end.message).toContain(words)
    }
  })
})

describe('image references', () => {
  test.each([
    ['busybox', 'busybox', 'latest'],
    ['host:5000/a/b', 'host:5000/a/b', 'latest'],
    ['host:5000/a/b:2', 'host:5000/a/b', '2'],
    ['a@sha256:00', 'a', 'sha256:00'],
    ['host:1/a:2@sha256:00', 'host:1/a:2', 'sha256:00'],
  ])('%s', (image, repository, tag) => {
    expect(splitReference(image)).toEqual({ repository, tag })
  })
})
