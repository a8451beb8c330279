import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { attemptName, type TaskSpec } from '../../actors/model.ts'
import { Bench, eventually, newKey, outputOf, shell, whyNoEngine } from './docker-fixture.ts'

const missing = await whyNoEngine()
let bench: Bench
beforeEach(() => {
  bench = new Bench()
})
afterEach(() => bench.clear())

interface Inspected {
  readonly Id: string
  readonly Config: Record<string, unknown> & { Env: string[]; Labels: Record<string, string> }
  readonly HostConfig: Record<string, unknown> & { LogConfig: { Type: string; Config: Record<string, string> } }
}

// Needs a real engine with the test image; `whyNoEngine` prints which of them is missing, and fails with CI=true.
describe.skipIf(missing !== undefined)('the docker driver runs attempts', () => {
  test('a specification reaches the engine whole', async () => {
    const mine = await bench.open()
    const spec: Partial<TaskSpec> = {
      entrypoint: ['sh', '-c'],
      command: ['id -u; id -g; pwd; echo $COLOUR; cat'],
      env: { COLOUR: 'a=b c' },
      workdir: '/tmp/some/where',
      user: '65534:65534',
      cpus: 0.5,
      memoryBytes: 16 * 2 ** 20,
      pidsLimit: 50,
      labels: { team: 'red' },
    }
    const key = { ...newKey(), attempt: 7 }
    await mine.run(spec, key)
    // stdin is closed: `cat` ends at once instead of waiting for a person.
    expect(await mine.ended(key)).toMatchObject({ type: 'Exited', exitCode: 0 })
    expect((await outputOf(mine.driver, key)).stdout).toBe(`65534\n65534\n/tmp/some/where\na=b c\n`)
    const { Config, HostConfig } = (await bench.inspect(key)).json as Inspected
    expect(Config).toMatchObject({ Tty: false, OpenStdin: false, AttachStdin: false })
    expect(Config.Labels).toMatchObject({
      team: 'red',
      'troupe.cluster': bench.clusterId,
      'troupe.node': 'node-a',
      'troupe.task': key.taskId,
      'troupe.attempt': '7',
    })
    const mebibytes = 2 ** 20
    expect(HostConfig).toMatchObject({
      NanoCpus: 5e8,
      Memory: 16 * mebibytes,
      MemorySwap: 16 * mebibytes,
      PidsLimit: 50,
      Init: true,
      NetworkMode: 'none',
      Privileged: false,
      AutoRemove: false,
      RestartPolicy: { Name: '', MaximumRetryCount: 0 },
    })
    expect(HostConfig.LogConfig).toEqual({
      Type: 'json-file',
      Config: { 'max-size': `${32.5 * mebibytes}`, 'max-file': '5' },
    })
  })

  test('an exit code, a signal and the kinds of OOM are told apart', async () => {
    const mine = await bench.open()
    const memory = { memoryBytes: 16 * 2 ** 20 }
    const eat = 'tail /dev/zero'
    const [code, killed, oom, child] = await Promise.all([
      mine.run(shell('exit 42')),
      mine.run(shell('kill -9 $$')),
      // With time for the engine to hear of it: of what ends at once it sometimes says nothing, on a busy machine.
      mine.run(shell(`${eat}; sleep 2; exec ${eat}`, memory)),
      mine.run(shell(`${eat}; sleep 2; exit 0`, memory)),
    ])
    const end = await mine.ended(code)
    expect(end).toMatchObject({ type: 'Exited', exitCode: 42 })
    expect(end).not.toHaveProperty('signal')
    expect(end).not.toHaveProperty('oomKilled')
    if (end.type !== 'Exited') return
    expect(end.startedAtMs).toBeGreaterThan(Date.now() - 60_000)
    expect(end.atMs).toBeGreaterThanOrEqual(end.startedAtMs as number)
    expect(await mine.ended(killed)).toMatchObject({ type: 'Exited', exitCode: 137, signal: 'SIGKILL' })
    expect(await mine.ended(killed)).not.toHaveProperty('oomKilled')
    expect(await mine.ended(oom)).toMatchObject({ type: 'Exited', exitCode: 137, oomKilled: true })
    expect(await mine.ended(child)).toMatchObject({ type: 'Exited', exitCode: 0, oomKilled: true })
  })

  test('a kill from outside is told at once, and a removal from outside as Lost', async () => {
    const mine = await bench.open({ sweepMs: 60_000 })
    const [killed, removed] = await Promise.all([mine.run(shell('sleep 300')), mine.run(shell('sleep 300'))])
    await Promise.all([mine.told(killed, 'Started'), mine.told(removed, 'Started')])
    await bench.ask('POST', `/containers/${bench.containerName(killed)}/kill`)
    expect(await mine.ended(killed)).toMatchObject({ type: 'Exited', exitCode: 137 })
    await bench.ask('POST', `/containers/${bench.containerName(removed)}/rename?name=${bench.clusterId}-taken`)
    await bench.ask('DELETE', `/containers/${bench.clusterId}-taken?force=1`)
    const end = await mine.ended(removed)
    expect(['Lost', 'Exited']).toContain(end.type)
  })

  test('an init makes a deaf command heed TERM; without one it is killed after the grace', async () => {
    const mine = await bench.open()
    const [quick, deaf] = await Promise.all([
      mine.run({ command: ['sleep', '300'] }),
      mine.run({ command: ['sleep', '300'], init: false }),
    ])
    const askedAtMs = performance.now()
    await Promise.all([mine.driver.stop(quick, 30_000), mine.driver.stop(deaf, 400)])
    expect(await mine.ended(quick)).toMatchObject({ exitCode: 143, signal: 'SIGTERM' })
    expect(await mine.ended(deaf)).toMatchObject({ exitCode: 137, signal: 'SIGKILL' })
    expect(performance.now() - askedAtMs).toBeGreaterThanOrEqual(400)
  })

  test('a grace of zero kills; a stop of what has ended and a second remove change nothing', async () => {
    const mine = await bench.open()
    const key = await mine.run(shell("trap 'exit 0' TERM; while :; do sleep 0.05; done"))
    await mine.driver.stop(key, 0)
    expect(await mine.ended(key)).toMatchObject({ exitCode: 137 })
    const told = mine.of(key).length
    await mine.driver.stop(key, 0)
    await mine.driver.stop(key, 100)
    expect(mine.of(key)).toHaveLength(told)
    await mine.driver.remove(key)
    await mine.driver.remove(key)
    expect(await bench.containers()).toEqual([])
  })

  test('an attempt that was removed never starts again, not even by a driver that never knew it', async () => {
    const mine = await bench.open()
    const key = await mine.run(shell('echo once'))
    await mine.ended(key)
    await mine.driver.remove(key)
    await mine.run(shell('echo twice'), key)
    expect(mine.of(key).at(-1)).toMatchObject({ type: 'Lost' })
    const later = await bench.open()
    await later.run(shell('echo twice'), key)
    expect(later.of(key)).toMatchObject([{ type: 'Lost' }])
    expect(await bench.containers()).toEqual([])
    expect((await outputOf(later.driver, key)).stdout).toBe('once\n')
  })

  test('what a task of days ago has left is no reason not to start another one of its id, and is not its output', async () => {
    const mine = await bench.open()
    const key = await mine.run(shell('echo old'))
    await mine.ended(key)
    await mine.driver.remove(key)
    const old = new Date(Date.now() - 24 * 3_600_000)
    await utimes(path.join(bench.outputDir, `${attemptName(key)}.log`), old, old)
    const later = await bench.open()
    await later.run(shell('echo new'), key)
    await later.ended(key)
    await later.driver.remove(key)
    expect((await outputOf(later.driver, key)).stdout).toBe('new\n')
  })

  test('mounts are allowed only below what the operator allows, wherever links and dots lead', async () => {
    await bench.create()
    const allowed = path.join(bench.outputDir, 'allowed')
    const secret = path.join(bench.outputDir, 'secret')
    await mkdir(path.join(allowed, 'in'), { recursive: true })
    await mkdir(secret)
    await mkdir(`${allowed}-beside`)
    await writeFile(path.join(allowed, 'in', 'note'), 'hello\n')
    await symlink(secret, path.join(allowed, 'link'))
    const mine = await bench.open({ allowMounts: [allowed] })
    const mount = (source: string, more = {}) => ({ mounts: [{ source, target: '/m', ...more }] })
    const good = await mine.run(shell('cat /m/note; echo x > /m/new', mount(path.join(allowed, 'in'))))
    expect(await mine.ended(good)).toMatchObject({ exitCode: 0 })
    expect((await outputOf(mine.driver, good)).stdout).toBe('hello\n')
    const readOnly = await mine.run(shell('echo x > /m/new', mount(path.join(allowed, 'in'), { readOnly: true })))
    expect(await mine.ended(readOnly)).toMatchObject({ exitCode: 1 })
    const outside = [`${allowed}/../secret`, `${allowed}-beside`, secret, '/', '/no/such/place']
    for (const source of outside) {
      const key = await mine.run(shell('ls /m', mount(source)))
      const end = await mine.ended(key)
      expect(end, source).toMatchObject({ type: 'StartFailed', code: 'bad-spec', retryable: false })
      expect(end.type === 'StartFailed' && end.message).toBe(
        `Node node-a does not allow ${path.resolve(source)} to be mounted: start its worker with --allow-mount ` +
          `${path.resolve(source)}, or mount what is below ${allowed}.`,
      )
    }
    const linked = await mine.ended(await mine.run(shell('ls /m', mount(`${allowed}/link`))))
    expect(linked).toMatchObject({ type: 'StartFailed', code: 'bad-spec', retryable: false })
    expect(linked.type === 'StartFailed' && linked.message).toContain('a link, or below one, that leads out of')
    const absent = await mine.ended(await mine.run(shell('true', mount(`${allowed}/absent`))))
    expect(absent.type === 'StartFailed' && absent.message).toContain('does not exist')
  })

  test('what Troupe itself keeps is seen by no container, also where what is around it is mounted', async () => {
    await bench.create()
    const allowed = path.join(bench.outputDir, 'work')
    const kept = path.join(allowed, 'sub', '.troupe')
    await mkdir(path.join(kept, 'manager'), { recursive: true })
    await writeFile(path.join(kept, 'token'), 'hidden\n')
    await writeFile(path.join(allowed, 'note'), 'hello\n')
    await symlink(kept, path.join(allowed, 'link'))
    const mine = await bench.open({ allowMounts: [allowed], hiddenFolders: [kept, path.join(allowed, 'absent')] })
    const look = 'cat /m/note; ls -A /m/sub/.troupe; cat /m/sub/.troupe/token; echo x > /m/sub/.troupe/new; echo $?'
    for (const mount of [{}, { readOnly: true }]) {
      const key = await mine.run(shell(look, { mounts: [{ source: allowed, target: '/m', ...mount }] }))
      expect(await mine.ended(key)).toMatchObject({ exitCode: 0 })
      expect((await outputOf(mine.driver, key)).stdout).toBe('hello\n1\n')
    }
    for (const source of [kept, path.join(kept, 'manager'), path.join(allowed, 'link')]) {
      const end = await mine.ended(await mine.run(shell('ls /m', { mounts: [{ source, target: '/m' }] })))
      expect(end.type === 'StartFailed' && end.message).toContain('it holds what Troupe itself keeps')
    }
  })

  test('tmpfs is memory of the size that was asked for, and with readOnly the only place to write to', async () => {
    const mine = await bench.open()
    const tmpfs = [{ target: '/scratch', sizeBytes: 2 * 2 ** 20 }, { target: '/any' }]
    const look = [
      'stat -f -c %T /scratch /any',
      'df -k /scratch | tail -1 | sed "s/  */ /g" | cut -d" " -f2',
      'echo x > /scratch/a && echo x > /any/a && echo written',
      'echo x > /etc/a || echo refused',
      'head -c 3000000 /dev/zero > /scratch/b || echo full',
    ]
    const locked = await mine.run(shell(look.join('; '), { tmpfs, readOnly: true }))
    expect(await mine.ended(locked)).toMatchObject({ type: 'Exited' })
    expect((await outputOf(mine.driver, locked)).stdout.split('\n')).toEqual([
      'tmpfs',
      'tmpfs',
      '2048',
      'written',
      'refused',
      'full',
      '',
    ])
    const open = await mine.run(shell('echo x > /etc/a && ls -d /scratch', { readOnly: false }))
    expect(await mine.ended(open)).toMatchObject({ exitCode: 1 })
  })

  test('two workers on one engine see and touch only their own', async () => {
    const [a, b] = [await bench.open({}, 'node-a'), await bench.open({}, 'node-b')]
    const key = await a.run(shell('sleep 300'))
    await a.told(key, 'Started')
    await b.run(shell('sleep 300'), key)
    const refusal = b.of(key).at(-1)
    expect(refusal).toMatchObject({ type: 'StartFailed', code: 'start-failed' })
    await b.driver.stop(key, 0)
    await b.driver.remove(key)
    expect(await b.driver.list()).toEqual([])
    expect(await outputOf(b.driver, key)).toEqual({ stdout: '', stderr: '' })
    expect(await a.driver.list()).toEqual([key])
    expect(a.of(key).map(({ type }) => type)).toEqual(['Started'])
  })

  test('at most so many containers are made at once, and all get their turn', async () => {
    const mine = await bench.open({ concurrentStarts: 2 })
    const keys = await Promise.all(Array.from({ length: 6 }, () => mine.run(shell('exit 0'))))
    for (const key of keys) expect(await mine.ended(key)).toMatchObject({ exitCode: 0 })
    await Promise.all(keys.map((key) => mine.driver.remove(key)))
    await eventually('all are gone', async () => (await bench.containers()).length === 0)
  })
})
