/** Every flag of `troupe run` has an effect on a real task. */
import { spawnSync } from 'node:child_process'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cluster, testImage, until } from './cluster.ts'

let cluster: Cluster
let shared: string
beforeAll(async () => {
  cluster = await Cluster.open()
  shared = join(cluster.dir, 'shared')
  await mkdir(shared)
  await chmod(shared, 0o777)
  await writeFile(join(shared, 'given'), 'from the host\n')
  cluster.startUp('--name', 'here', '--label', 'zone=eu', '--allow-mount', './shared')
  await cluster.ready(1)
})
afterAll(() => cluster.close())

interface Row {
  readonly name: string
  readonly state: string
  readonly outcome: string | null
  readonly reason: string | null
  readonly attempt: number
  readonly exitCode: number | null
  readonly labels: Record<string, string>
  readonly reserved: { readonly cpus: number; readonly memoryBytes: number }
}

const withoutEngine = process.env.TROUPE_TEST_WITHOUT_ENGINE
const asRoot = process.getuid?.() === 0
const troupe = (...args: string[]) => cluster.troupe(...args)
const docker = (...args: string[]) => troupe('run', ...args)
const onHost = (flags: readonly string[], ...command: string[]) =>
  troupe('run', '--driver', 'process', ...flags, '--', ...command)
const statusOf = async (id: string) => (await cluster.json<Row[]>('status', id, '--json'))[0] as Row

// As a shell runs it: by the first line of the file.
const command = join(import.meta.dirname, '../../dist/runtime/cli/main.js')

test('V8 may keep 64 MB of what is young, for the command says so itself', async () => {
  const said = join(cluster.dir, 'flags.txt')
  const say = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(said)}, process.execArgv.join())`
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(say)}`
  const env = { ...process.env, ...cluster.env, NODE_OPTIONS }
  expect(spawnSync(command, ['--version'], { env, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
  expect(await readFile(said, 'utf8')).toBe('--max-semi-space-size=64')
})

test('--env-file is for the task alone, though Node.js has a flag of that name', async () => {
  const file = join(cluster.dir, 'of-the-task.env')
  await writeFile(file, 'NODE_OPTIONS=--no-such-flag\n')
  const env = { ...process.env, ...cluster.env }
  const plan = (path: string) =>
    spawnSync(command, ['plan', '--driver', 'process', '--env-file', path, '--', 'true'], { env, encoding: 'utf8' })
  expect(plan(file)).toMatchObject({ status: 0, stderr: '' })
  const missing = plan(join(cluster.dir, 'missing.env'))
  expect(missing).toMatchObject({ status: 2, stderr: expect.stringContaining('there is no such file') })
  expect(missing.stderr).toMatch(/^troupe: /)
})

// One line for each limit, from either version of control groups.
const limits = [
  'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null',
  'cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null | cut -d" " -f1',
  'cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null',
  'exit 0',
].join('; ')

// Where there is no engine, scripts/test has said so.
describe.skipIf(withoutEngine !== undefined)('a container', () => {
  test('--cpus, --memory and --pids-limit are its limits, and reserved', async () => {
    const flags = ['--id', 'limits', '--cpus', '0.5', '--memory', '32m', '--pids-limit', '50']
    const { code, stdout, stderr } = await docker(...flags, testImage, 'sh', '-c', limits)
    expect(code, stderr).toBe(0)
    expect(stdout).toBe(`${32 * 1024 * 1024}\n50000\n50\n`)
    expect((await statusOf('limits')).reserved).toEqual({ cpus: 0.5, memoryBytes: 32 * 1024 * 1024 })
  })

  test('--env, --workdir, --user and --network none', async () => {
    const script = 'echo $A $TROUPE_DATA_DIR; pwd; id -u; id -g; ls /sys/class/net'
    const env = ['-e', 'A=b=c', '--env', 'TROUPE_DATA_DIR', '-e', 'NOT_HERE']
    const flags = [...env, '-w', '/tmp', '-u', '1000:1001', '--network', 'none']
    const { code, stdout, stderr } = await docker(...flags, testImage, 'sh', '-c', script)
    expect({ code, stdout }, stderr).toEqual({
      code: 0,
      stdout: `b=c ${cluster.env.TROUPE_DATA_DIR}\n/tmp\n1000\n1001\nlo\n`,
    })
  })

  test('--network host shows the interfaces of the host', async () => {
    const { stdout } = await docker('--network', 'host', testImage, 'cat', '/proc/net/dev')
    const names = (text: string) => text.match(/^ *[\w.-]+(?=:)/gm)?.filter((name) => !name.includes('veth'))
    expect(names(stdout)).toEqual(names(await readFile('/proc/net/dev', 'utf8')))
  })

  test('--entrypoint replaces what the image begins with', async () => {
    expect(await docker('--entrypoint', 'echo', testImage, 'said', 'so')).toMatchObject({
      code: 0,
      stdout: 'said so\n',
    })
  })

  test('--mount shows a folder of the node, to be written or only read; one that is not allowed is refused', async () => {
    const script = 'cat /m/given; echo back > /m/made; echo no > /r/never || echo read-only; cat /r/given'
    const mounts = ['--mount', `${shared}:/m`, '-v', './shared/../shared:/r:ro']
    const [allowed, refused] = await Promise.all([
      docker(...mounts, testImage, 'sh', '-c', script),
      docker('--mount', '/etc:/m', testImage, 'true'),
    ])
    expect(allowed).toMatchObject({ code: 0, stdout: 'from the host\nread-only\nfrom the host\n' })
    expect(await readFile(join(shared, 'made'), 'utf8')).toBe('back\n')
    const words = `Node here does not allow /etc to be mounted: start its worker with --allow-mount /etc, or mount what is below ${shared}.`
    expect(refused).toMatchObject({ code: 125, stderr: expect.stringContaining(words) })
  })

  test('--tmpfs and --read-only: memory is what can be written', async () => {
    const script =
      'echo a > /scratch/a && cat /scratch/a; df -k /scratch | grep -o " 1024 "; echo no > /etc/a || echo locked'
    const flags = ['--tmpfs', '/scratch:size=1m', '--read-only', '--network', 'none']
    expect(await docker(...flags, testImage, 'sh', '-c', script)).toMatchObject({
      code: 0,
      stdout: 'a\n 1024 \nlocked\n',
    })
  })

  test('--env-file, --secret-env and --secret-env-file', async () => {
    await writeFile(join(shared, 'plain.env'), '# what is known\nA=file\nB=file\n')
    await writeFile(join(shared, 'secret.env'), 'PASSWORD=from a file\n')
    const files = ['--env-file', 'shared/plain.env', '--secret-env-file', 'shared/secret.env']
    const flags = [
      '--id',
      'd-secret',
      ...files,
      '-e',
      'B=flag',
      '--secret-env',
      'KEY=hunter2',
      '--secret-env',
      'TROUPE_ADDR',
    ]
    const print = ['sh', '-c', 'echo $A $B $PASSWORD $KEY $TROUPE_ADDR on $TROUPE_NODE']
    const said = `file flag from a file hunter2 ${cluster.address} on here\n`
    const [inside, beside] = await Promise.all([
      docker('--network', 'none', ...flags, testImage, ...print),
      onHost([...flags.slice(2), '--id', 'p-secret'], ...print),
    ])
    expect(inside).toMatchObject({ code: 0, stdout: said })
    expect(beside).toMatchObject({ code: 0, stdout: said })
    const { stdout } = await troupe('explain', 'd-secret', '--json')
    expect(JSON.parse(stdout).spec).toMatchObject({
      env: { A: 'file', B: 'flag' },
      secretEnv: { PASSWORD: '***', KEY: '***', TROUPE_ADDR: '***' },
    })
  })

  test('--pull never and --pull always do not take the other way', async () => {
    const [missing, here, always] = await Promise.all([
      docker('--pull', 'never', 'troupe-test/none:1', 'true'),
      docker('--pull', 'never', testImage, 'echo', 'here'),
      // It is here and nowhere else.
      docker('--pull', 'always', testImage, 'true'),
    ])
    expect(missing).toMatchObject({ code: 125, stderr: expect.stringContaining('must not pull it') })
    expect(here).toMatchObject({ code: 0, stdout: 'here\n' })
    expect(always.code).toBe(125)
    expect(always.stderr).toContain('Scheduled.Pulling')
  })

  test('--stop-timeout and --timeout: TERM, then KILL after the grace', async () => {
    const stubborn = 'trap "" TERM; while :; do sleep 0.1; done'
    const flags = ['--id', 'd-late', '--timeout', '500ms', '--stop-timeout', '300ms']
    expect((await docker(...flags, testImage, 'sh', '-c', stubborn)).code).toBe(124)
    expect(await statusOf('d-late')).toMatchObject({ state: 'Failed', outcome: 'timeout', exitCode: 137 })
  })
})

describe('a process', () => {
  test('--env, --workdir, --name, --label and --id', async () => {
    const flags = ['--id', 'plain', '--name', 'for people', '-l', 'team=a', '-l', 'b=', '-e', 'A=b=c', '-w', shared]
    const { code, stdout, stderr } = await onHost(flags, 'sh', '-c', 'echo $A $TROUPE_TASK_ID; pwd')
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: `b=c plain\n${shared}\n` })
    expect(await statusOf('plain')).toMatchObject({ name: 'for people', labels: { team: 'a', b: '' } })
  })

  // Only root may become somebody else.
  test.skipIf(!asRoot)('--user', async () => {
    expect(await onHost(['-u', 'nobody'], 'id', '-un')).toMatchObject({ code: 0, stdout: 'nobody\n' })
  })

  test('--cpus and --memory are reserved while it runs', async () => {
    const run = cluster.start(
      ...['run', '--id', 'reserved', '--driver', 'process', '--cpus', '0.25', '--memory', '96m', '--', 'sleep', '60'],
    )
    await until('it to run', async () => (run.stderr.includes(' Started ') ? true : undefined))
    const [node] = await cluster.json<object[]>('node', '--json')
    expect(node).toMatchObject({ reserved: { cpus: 0.25, memoryBytes: 96 * 1024 * 1024 }, tasks: 1 })
    expect((await run.kill('SIGINT')).code).toBe(143)
  })

  test('--restart and --max-restarts', async () => {
    const again = ['--restart', 'on-failure', '--max-restarts']
    const third = ['sh', '-c', 'echo $TROUPE_ATTEMPT; [ $TROUPE_ATTEMPT = 3 ]']
    const [enough, tooFew, always, never] = await Promise.all([
      onHost([...again, '2'], ...third),
      onHost([...again, '1'], ...third),
      onHost(['--restart', 'always', '--max-restarts', '1'], 'sh', '-c', 'echo $TROUPE_ATTEMPT'),
      onHost([], ...third),
    ])
    expect(enough).toMatchObject({ code: 0, stdout: '1\n2\n3\n' })
    expect(tooFew).toMatchObject({ code: 1, stdout: '1\n2\n' })
    expect(always).toMatchObject({ code: 0, stdout: '1\n2\n' })
    expect(never).toMatchObject({ code: 1, stdout: '1\n' })
  })

  test('--same-node says how often it restarts where it failed, and --restart-window how long that counts', async () => {
    const again = ['--restart', 'on-failure', '--max-restarts', '2', '--same-node', '1']
    const third = ['sh', '-c', '[ $TROUPE_ATTEMPT = 3 ]']
    const [counted, forgotten] = await Promise.all([
      onHost(['--id', 'p-same', ...again], ...third),
      onHost(['--id', 'p-window', ...again, '--restart-window', '1ms'], ...third),
    ])
    expect([counted.code, forgotten.code]).toEqual([0, 0])
    const [avoided, preferred] = await Promise.all(['p-same', 'p-window'].map((id) => cluster.troupe('explain', id)))
    expect(avoided?.stdout).toContain('that node should be avoided, but no other is fit')
    expect(preferred?.stdout).toContain('that node is preferred, and it is fit')
  })

  test('--timeout ends it with TERM, and --stop-timeout with KILL', async () => {
    const stubborn = 'trap "" TERM; while :; do sleep 0.1; done'
    const [polite, killed] = await Promise.all([
      onHost(['--id', 'p-late', '--timeout', '300ms'], 'sleep', '60'),
      onHost(['--id', 'p-kill', '--timeout', '300ms', '--stop-timeout', '200ms'], 'sh', '-c', stubborn),
    ])
    expect([polite.code, killed.code]).toEqual([124, 124])
    expect(await statusOf('p-late')).toMatchObject({ outcome: 'timeout', exitCode: 143 })
    expect(await statusOf('p-kill')).toMatchObject({ outcome: 'timeout', exitCode: 137 })
  })

  test('--constraint picks the node, and --wait-timeout gives up on none', async () => {
    const [fits, named, none] = await Promise.all([
      onHost(['--constraint', 'zone=eu', '--constraint', 'node!=other'], 'echo', 'eu'),
      onHost(['--constraint', 'node=here'], 'echo', 'here'),
      onHost(['--id', 'nowhere', '--constraint', 'zone=us', '--wait-timeout', '500ms'], 'true'),
    ])
    expect(fits).toMatchObject({ code: 0, stdout: 'eu\n' })
    expect(named).toMatchObject({ code: 0, stdout: 'here\n' })
    expect(none.code).toBe(125)
    expect(none.stderr).toContain('zone=us')
    expect(await statusOf('nowhere')).toMatchObject({ state: 'Failed', outcome: 'unplaceable', attempt: 0 })
  })

  test('-i says that it has no effect, and stdin is empty', async () => {
    const { code, stdout, stderr } = await onHost(['-i'], 'sh', '-c', 'cat; echo end')
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'end\n' })
    expect(stderr).toContain('troupe: -i has no effect: stdin of a task is /dev/null')
  })
})
