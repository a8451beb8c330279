import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { AttemptKey } from '../../actors/model.ts'
import { Bench, engineSocket, eventually, newKey, outputOf, shell, testImage, whyNoEngine } from './docker-fixture.ts'
import { type EngineProxy, type Fate, openProxy } from './docker-proxy.ts'

const missing = await whyNoEngine()
/** Short, for tests that wait for them, and yet longer than an engine takes that others keep busy. */
const quick = { probeMs: 1_500, requestMs: 2_000, createMs: 3_000, startMs: 3_000, removeMs: 3_000 }
const isStart = (line: string) => /^POST \/containers\/[0-9a-f]+\/start/.test(line)

// Needs a real engine with the test image; `whyNoEngine` prints which of them is missing, and fails with CI=true.
describe.skipIf(missing !== undefined)('the docker driver, when requests go wrong', () => {
  let folder = ''
  let proxy: EngineProxy
  let bench: Bench
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'troupe-proxy-'))
    proxy = await openProxy(path.join(folder, 'engine.sock'), engineSocket)
    bench = new Bench(path.join(folder, 'engine.sock'))
  })
  afterEach(async () => {
    proxy.decide(() => 'pass')
    await bench.clear()
    await proxy.close()
    await rm(folder, { recursive: true, force: true })
  })

  const open = (options = {}) => bench.open({ deadlines: quick, allowMounts: [folder], roll: () => 0, ...options })
  /** Leaves a mark for each time that it really ran. */
  const marking = (then: string) =>
    shell(`echo run >> /marks/runs; ${then}`, { mounts: [{ source: folder, target: '/marks' }] })
  const runs = async () => (await readFile(path.join(folder, 'runs'), 'utf8').catch(() => '')).split('\n').length - 1
  /** The fate of the first request that fits; all others pass. */
  const once = (fits: (line: string) => boolean, fate: Fate) => {
    let isDone = false
    proxy.decide((line) => {
      if (isDone || !fits(line)) return 'pass'
      isDone = true
      return fate
    })
  }

  test.each<[Fate, string]>([
    ['lose-answer', 'sleep 300'],
    ['cut-answer', 'sleep 300'],
    ['lose-answer', 'exit 5'],
  ])('the answer to a start is lost (%s, %s): the truth is told, and it runs once', async (fate, script) => {
    const mine = await open()
    const key = newKey()
    once(isStart, fate)
    await mine.run(marking(script), key)
    if (script === 'exit 5') expect(await mine.ended(key)).toMatchObject({ type: 'Exited', exitCode: 5 })
    else expect(await mine.told(key, 'Started')).toBeDefined()
    await eventually('it has run', async () => (await runs()) === 1)
    expect(mine.of(key).filter(({ type }) => type === 'StartFailed')).toEqual([])
    await mine.driver.remove(key)
    expect(await runs()).toBe(1)
  })

  test.each<[Fate, string]>([
    ['refuse', 'engine-unreachable'],
    ['swallow', 'start-timeout'],
  ])('a start that never arrived (%s) is told as %s, once it can no longer happen', async (fate, code) => {
    const mine = await open()
    const key = newKey()
    once(isStart, fate)
    await mine.run(marking('sleep 300'), key)
    expect(mine.of(key)).toMatchObject([{ type: 'StartFailed', code, retryable: true }])
    expect(await bench.containers()).toEqual([])
    expect(await runs()).toBe(0)
  })

  test.each<Fate>(['refuse', 'lose-answer', 'swallow', 'cut-answer'])(
    'a create that goes wrong (%s) fails as retryable, and what it made is removed',
    async (fate) => {
      const mine = await open()
      const key = newKey()
      once((line) => line.includes('/containers/create'), fate)
      await mine.run(marking('sleep 300'), key)
      const end = mine.of(key).at(-1)
      expect(end).toMatchObject({ type: 'StartFailed', retryable: true })
      expect(end?.type === 'StartFailed' && ['engine-unreachable', 'start-timeout'].includes(end.code)).toBe(true)
      await mine.driver.remove(key)
      expect(await bench.containers()).toEqual([])
      expect(await runs()).toBe(0)
    },
  )

  test('while the engine is away nothing is told but that; then the end that was missed', async () => {
    const mine = await open({ deadlines: {} })
    const key = await mine.run(marking('sleep 1; exit 9'))
    await mine.told(key, 'Started')
    proxy.decide(() => 'refuse')
    proxy.cut()
    const isAway = () => mine.events.some((event) => event.type === 'Availability' && event.state === 'unavailable')
    await eventually('it is unavailable', isAway)
    const other = await mine.run(shell('exit 0'))
    expect(mine.of(other)).toMatchObject([{ type: 'StartFailed', code: 'engine-unreachable', retryable: true }])
    await expect(mine.driver.list()).rejects.toThrow()
    await expect(mine.driver.remove(key)).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 1_200))
    expect(mine.of(key).map(({ type }) => type)).toEqual(['Started'])
    proxy.decide(() => 'pass')
    expect(await mine.ended(key)).toMatchObject({ type: 'Exited', exitCode: 9 })
    await eventually('it is complete', () => mine.events.at(-1)?.type === 'Availability')
    const kinds = mine.events.map((event) => (event.type === 'Availability' ? event.state : event.type))
    expect(kinds).toEqual(['complete', 'Started', 'unavailable', 'StartFailed', 'Exited', 'complete'])
  })

  test('a broken event stream alone is mended without a word, and misses nothing', async () => {
    const mine = await open({ deadlines: {}, sweepMs: 600_000 })
    const key = await mine.run(shell('sleep 300'))
    proxy.cut()
    await bench.ask('POST', `/containers/${bench.containerName(key)}/kill`)
    expect(await mine.ended(key)).toMatchObject({ exitCode: 137 })
    expect(mine.events.filter(({ type }) => type === 'Availability')).toHaveLength(1)
  })

  test('a life asks the engine for nothing that its events say', async () => {
    const mine = await open({ deadlines: {}, sweepMs: 600_000 })
    // So that its program is known to exist.
    const first = await mine.run(shell('sleep 0.3'))
    await mine.ended(first)
    await mine.driver.remove(first)
    proxy.lines.length = 0
    const key = await mine.run(shell('sleep 0.3; exit 3'))
    const end = await mine.ended(key)
    expect(end).toMatchObject({ type: 'Exited', exitCode: 3 })
    expect(end.type === 'Exited' && Math.abs(Date.now() - end.atMs)).toBeLessThan(60_000)
    await mine.driver.remove(key)
    // The engine tells of its removal, too, which is nothing to ask about.
    await mine.ended(await mine.run(shell('exit 0')))
    const asked = proxy.lines.map((line) => line.replace(/[0-9a-f]{64}/, 'ID').replace(/\?.*| HTTP.*/, ''))
    const life = ['POST /containers/create', 'POST /containers/ID/start', 'GET /containers/ID/json']
    expect(asked.slice(0, 5)).toEqual([...life, 'GET /containers/ID/logs', 'DELETE /containers/ID'])
    expect(asked.slice(5, 8)).toEqual(life)
  })

  test('when the events are silent the sweep finds the end', async () => {
    proxy.decide((line) => (line.includes('/events') ? 'cut-answer' : 'pass'))
    // What is not broken here may take its time.
    const mine = await open({ sweepMs: 200, deadlines: {} })
    const key = await mine.run(shell('sleep 0.5; exit 4'))
    expect(await mine.ended(key)).toMatchObject({ exitCode: 4 })
    const gone = await mine.run(shell('sleep 300'))
    await mine.told(gone, 'Started')
    await bench.ask('DELETE', `/containers/${bench.containerName(gone)}?force=1`)
    const end = await mine.ended(gone)
    expect(end).toMatchObject({ type: 'Lost' })
    expect(end.type === 'Lost' && end.message).toContain('removed from outside')
  })

  test('an engine that hangs is unavailable within the deadlines, and a stop is made up for', async () => {
    const mine = await open({ sweepMs: 200, deadlines: { ...quick, probeMs: 500, requestMs: 1_000 } })
    const key = await mine.run(shell("trap '' TERM; while :; do sleep 0.05; done"))
    await mine.told(key, 'Started')
    proxy.decide((line) => (line.includes('/events') ? 'cut-answer' : 'swallow'))
    const isAway = () => mine.events.some((event) => event.type === 'Availability' && event.state === 'unavailable')
    await eventually('it is unavailable', isAway)
    expect(await mine.driver.probe()).toMatchObject({ state: 'unavailable' })
    const stopping = mine.driver.stop(key, 300)
    // Requests that were given up are cut: a hanging engine must not collect connections.
    const asked = proxy.lines.length
    await eventually('it has asked some more', () => proxy.lines.length >= asked + 4)
    expect(proxy.openCount()).toBeLessThanOrEqual(3)
    proxy.decide(() => 'pass')
    await stopping
    expect(await mine.ended(key)).toMatchObject({ exitCode: 137, signal: 'SIGKILL' })
  })

  test('a follower goes on where it was after the connection broke', async () => {
    const mine = await open({ deadlines: {} })
    const key = await mine.run(shell('for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.2; done'))
    const following = outputOf(mine.driver, key, true)
    await eventually('it prints', async () => (await outputOf(mine.driver, key)).stdout.includes('3'))
    proxy.cut()
    expect((await following).stdout).toBe('1\n2\n3\n4\n5\n6\n7\n8\n')
  })

  describe('after a worker was killed', () => {
    const create = async (key: AttemptKey, spec = marking('sleep 300')) => {
      const body = {
        Image: testImage,
        Cmd: spec.command,
        Labels: {
          'troupe.cluster': bench.clusterId,
          'troupe.node': 'node-a',
          'troupe.task': key.taskId,
          'troupe.attempt': String(key.attempt),
        },
        HostConfig: { Init: true, NetworkMode: 'none', Binds: [`${folder}:/marks`] },
      }
      const { json } = await bench.ask('POST', `/containers/create?name=${bench.containerName(key)}`, body)
      return (json as { Id: string }).Id
    }

    test('a container that it created and did not start is made anew, and runs once', async () => {
      const key = newKey()
      const old = await create(key)
      const mine = await open()
      expect(mine.of(key)).toEqual([])
      expect(await mine.driver.list()).toEqual([key])
      await mine.run(marking('sleep 300'), key)
      expect(mine.of(key)).toMatchObject([{ type: 'Started' }])
      expect((await bench.inspect(key)).json).not.toMatchObject({ Id: old })
      await eventually('it has run', async () => (await runs()) === 1)
    })

    test('its start that is still on the way and ends at once does not make it run twice', async () => {
      const key = newKey()
      const old = await create(key, marking('exit 6'))
      const mine = await open()
      // The late start arrives after the driver has looked, and before it makes sure.
      const late = { done: undefined as Promise<unknown> | undefined }
      proxy.decide((line) => {
        if (line.startsWith('DELETE') && late.done === undefined) {
          late.done = new Bench().ask('POST', `/containers/${old}/start`)
        }
        return 'pass'
      })
      await mine.run(marking('exit 6'), key)
      await late.done
      await mine.ended(key)
      expect(await runs()).toBeLessThanOrEqual(1)
      if ((await runs()) === 1) {
        const end = await mine.ended(key)
        expect(['Exited', 'Lost']).toContain(end.type)
      }
    })

    test('one that ran and ended is told, and a stop of a created one ends it for good', async () => {
      const [ended, created] = [newKey(), newKey()]
      await bench.ask('POST', `/containers/${await create(ended, marking('exit 6'))}/start`)
      await create(created)
      await eventually('it ended', async () => JSON.stringify((await bench.inspect(ended)).json).includes('"exited"'))
      const mine = await open()
      expect(mine.of(ended)).toMatchObject([{ type: 'Exited', exitCode: 6 }])
      await mine.run(marking('exit 6'), ended)
      expect(mine.of(ended).map(({ type }) => type)).toEqual(['Exited', 'Exited'])
      await mine.driver.stop(created, 1_000)
      expect(mine.of(created)).toMatchObject([{ type: 'StartFailed', code: 'start-failed' }])
      await mine.run(marking('exit 0'), created)
      expect(await runs()).toBe(1)
    })

    test('in the middle of a removal, the next removal ends it, with the output whole', async () => {
      const first = await open()
      const key = await first.run(shell('echo all of it'))
      await first.ended(key)
      once((line) => line.startsWith('DELETE'), 'swallow')
      await expect(first.driver.remove(key)).rejects.toThrow(/did not answer "remove"/)
      await first.driver.close()
      const mine = await open()
      expect(await mine.driver.list()).toEqual([key])
      await mine.driver.remove(key)
      expect(await bench.containers()).toEqual([])
      expect((await outputOf(mine.driver, key)).stdout).toBe('all of it\n')
    })
  })
})
