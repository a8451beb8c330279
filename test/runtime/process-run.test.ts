import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TaskSpec } from '../../actors/model.ts'
import { AttemptFolder } from '../../runtime/drivers/process/folder.ts'
import { forkTask } from '../../runtime/drivers/process/fork.ts'
import { findUser } from '../../runtime/drivers/process/user.ts'
import { isAlive, ProcessWorkshop, pidsWith, scope, startedPid, until, type Watched } from './process-fixture.ts'

const workshop = new ProcessWorkshop()
const dir = workshop.dir()
let process1: Watched
beforeAll(async () => {
  process.env.WORKER_SECRET = 'hidden'
  process1 = await workshop.watch(dir, { defaultWorkdir: '/usr' })
})
afterAll(() => {
  delete process.env.WORKER_SECRET
  return workshop.clear()
})

let count = 0
const fresh = () => ({ taskId: `t-${++count}`, attempt: 2 })

/** Runs the script to its end and gives what it printed. */
async function print(script: string, rest: Partial<TaskSpec> = {}): Promise<string> {
  const key = fresh()
  await process1.run(key, ['/bin/sh', '-c', script], rest)
  expect(await process1.ended(key)).toMatchObject({ type: 'Exited', exitCode: 0 })
  return (await process1.output(key)).stdout.trim()
}

describe('a task is given', () => {
  test('its own variables and a small safe base, and nothing else of its worker', async () => {
    const lines = (await print('env', { env: { GREETING: 'hello', TROUPE_REF: 'forged' } })).split('\n')
    const names = lines.map((line) => line.split('=')[0])
    expect(lines).toContain('GREETING=hello')
    expect(lines).toContain(`TROUPE_REF=c1/${scope.nodeId}/t-${count}.2`)
    expect(names).toContain('PATH')
    const base = 'PATH HOME USER LOGNAME SHELL LANG LC_ALL LC_CTYPE TZ TMPDIR PWD OLDPWD SHLVL _'.split(' ')
    const own = ['GREETING', 'TROUPE_REF']
    expect(names.filter((name) => !base.includes(name ?? '') && !own.includes(name ?? ''))).toEqual([])
  })

  test('its working directory, or the default one', async () => {
    expect(await print('pwd', { workdir: '/etc' })).toBe('/etc')
    expect(await print('pwd')).toBe('/usr')
  })

  test('an empty input, a usual umask, a session of its own, and no file of its spawner', async () => {
    expect(await print('wc -c')).toBe('0')
    expect(await print('umask')).toBe('0022')
    expect(await print('test "$(cut -d" " -f6 /proc/$$/stat)" = $$ && echo leads')).toBe('leads')
    expect(await print('ls -l /proc/self/fd')).not.toContain('spawner')
  })

  // Only root may become somebody else.
  test.skipIf(process.getuid?.() !== 0)('its user, with that user’s home and no groups of root', async () => {
    expect(await print('id -u; id -g; id -G; echo $USER', { user: 'nobody' })).toBe('65534\n65534\n65534\nnobody')
    expect(await print('id -u; id -G', { user: '4242:4343' })).toBe('4242\n4343')
    expect(await print('echo again > /dev/stdout', { user: 'nobody' })).toBe('again')
  })
})

describe('a user is looked up', () => {
  const files = { passwd: join(workshop.base, 'passwd'), group: join(workshop.base, 'group') }
  writeFileSync(files.passwd, 'root:x:0:0::/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/zsh\n')
  writeFileSync(files.group, 'ann:x:1000:\nvideo:x:44:bob,ann\naudio:x:29:bob\n')

  test('by name and by number, with all groups', () => {
    const env = { HOME: '/home/ann', USER: 'ann', LOGNAME: 'ann', SHELL: '/bin/zsh' }
    expect(findUser('ann', files)).toEqual({ uid: 1000, gid: 1000, groups: [44], env })
    expect(findUser('1000', files)).toEqual({ uid: 1000, gid: 1000, groups: [44], env })
    expect(findUser('ann:audio', files)).toMatchObject({ gid: 29, groups: [] })
    expect(findUser('7:8', files)).toEqual({ uid: 7, gid: 8, groups: [], env: { HOME: '/' } })
  })

  // Only root may become somebody else.
  test.skipIf(process.getuid?.() !== 0)('and a task has all of the groups, and errors of its own', async () => {
    const folder = new AttemptFolder(workshop.dir(), 'grouped.1')
    mkdirSync(folder.path, { recursive: true })
    const ask = (command: string[]) => ({
      taskId: 'grouped',
      attempt: 1,
      ref: 'c/n/grouped.1',
      spec: { command, user: 'ann' },
    })
    await once(await forkTask(folder, ask(['sh', '-c', 'id -u; id -G; echo $HOME']), files), 'exit')
    expect(readFileSync(folder.output('stdout'), 'utf8')).toBe('1000\n1000 44\n/home/ann\n')
    await expect(forkTask(folder, ask(['no-such-command']), files)).rejects.toMatchObject({ code: 'no-such-command' })
    await expect(forkTask(folder, ask(['/etc/passwd']), files)).rejects.toMatchObject({ code: 'not-executable' })
  })

  test.each(['eve', '7', 'ann:nogroup', ''])('%j is refused', (wanted) => {
    expect(() => findUser(wanted, files)).toThrow(expect.objectContaining({ code: 'no-such-user' }))
  })
})

describe('a start fails for good with a reason', () => {
  const plain = join(workshop.base, 'plain')
  const orphan = join(workshop.base, 'orphan')
  writeFileSync(plain, 'no program')
  writeFileSync(orphan, '#!/no/such/interpreter\n')
  chmodSync(orphan, 0o755)

  test.each<[string, string[], Partial<TaskSpec>, string]>([
    ['no-such-command', ['no-such-command-anywhere'], {}, 'There is no command'],
    ['no-such-command', ['/no/such/path'], {}, 'There is no command'],
    ['no-such-command', ['sh'], { env: { PATH: '/nowhere' } }, 'set PATH'],
    ['no-such-command', [orphan], {}, 'interpreter'],
    ['not-executable', [plain], {}, 'may not be executed'],
    ['not-executable', ['/etc'], {}, 'may not be executed'],
    ['bad-workdir', ['true'], { workdir: '/no/such/folder' }, 'does not exist'],
    ['bad-workdir', ['true'], { workdir: '/etc/passwd' }, 'is not a directory'],
    ['bad-workdir', ['true'], { workdir: 'relative' }, 'is not absolute'],
    ['no-such-user', ['true'], { user: 'nobody-of-that-name' }, 'There is no user'],
    ['bad-spec', [], {}, 'needs a command'],
    ['bad-spec', [''], {}, 'needs a command'],
    ['bad-spec', ['true', 'a\0b'], {}, 'cannot be passed on'],
    ['bad-spec', ['true'], { env: { 'A=B': '1' } }, 'cannot be the name of a variable'],
    ['bad-spec', ['true', 'x'.repeat(131_073)], {}, 'larger than the kernel allows'],
  ])('%s (%#)', async (code, command, rest, sentence) => {
    const key = fresh()
    await process1.run(key, command, rest)
    const end = await process1.ended(key)
    expect(end).toMatchObject({ type: 'StartFailed', code, retryable: false })
    expect(end.type === 'StartFailed' && end.message).toContain(sentence)
    expect(process1.types(key)).toEqual(['StartFailed'])
  })
})

describe('the end', () => {
  test('by a signal is 128 and the signal, with its name', async () => {
    const key = fresh()
    await process1.run(key, ['/bin/sh', '-c', 'kill -SEGV $$'])
    expect(await process1.ended(key)).toMatchObject({ type: 'Exited', exitCode: 139, signal: 'SIGSEGV' })
  })

  test('of the main process takes its group and its strays along before it is told', async () => {
    const key = fresh()
    const mark = `STRAY_OF=${workshop.base}`
    const script = 'sleep 300 & setsid sleep 300 & setsid setsid sh -c "sleep 300; sleep 300" & sleep 0.2; exit 4'
    await process1.run(key, ['/bin/sh', '-c', script], { env: { STRAY_OF: workshop.base } })
    await until('the strays ran', () => (pidsWith(mark).length >= 4 ? true : undefined))
    expect(await process1.ended(key)).toMatchObject({ exitCode: 4 })
    expect(pidsWith(mark)).toEqual([])
  })

  test('by stop takes the whole group: TERM for all, KILL for who is deaf', async () => {
    const key = fresh()
    const mark = `DEAF_OF=${workshop.base}`
    const script = "trap 'echo heard; exit 7' TERM; (trap '' TERM; sleep 300; sleep 300) & echo ready; wait"
    await process1.run(key, ['/bin/sh', '-c', script], { env: { DEAF_OF: workshop.base } })
    await until('ready', async () => ((await process1.output(key)).stdout === 'ready\n' ? true : undefined))
    await process1.driver.stop(key, 60_000)
    expect(await process1.ended(key)).toMatchObject({ exitCode: 7 })
    expect((await process1.output(key)).stdout).toBe('ready\nheard\n')
    expect(pidsWith(mark)).toEqual([])
  })

  test('by stop reaches a process that is halted', async () => {
    const key = fresh()
    await process1.run(key, ['/bin/sh', '-c', 'kill -STOP $$; sleep 300'])
    const pid = startedPid(dir, `${key.taskId}.2`)
    await until('it is halted', () =>
      /^State:\s*T/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')) ? true : undefined,
    )
    await process1.driver.stop(key, 60_000)
    expect(await process1.ended(key)).toMatchObject({ exitCode: 143, signal: 'SIGTERM' })
    expect(isAlive(pid)).toBe(false)
  })

  test('a second TERM is not sent, for many programs take it as a harsher order', async () => {
    const key = fresh()
    const script = "n=0; trap 'n=$((n+1)); echo $n' TERM; echo ready; while :; do sleep 0.05; done"
    await process1.run(key, ['/bin/sh', '-c', script])
    await until('ready', async () => ((await process1.output(key)).stdout === 'ready\n' ? true : undefined))
    await process1.driver.stop(key, 60_000)
    await process1.driver.stop(key, 50_000)
    await process1.driver.stop(key, 300)
    expect(await process1.ended(key)).toMatchObject({ exitCode: 137 })
    expect((await process1.output(key)).stdout).toBe('ready\n1\n')
  })
})

test('a folder of the task’s own may vanish while it runs', async () => {
  const key = fresh()
  const workdir = join(workshop.base, 'vanishing')
  mkdirSync(workdir)
  await process1.run(key, ['/bin/sh', '-c', `rmdir ${workdir}; exit 5`], { workdir })
  expect(await process1.ended(key)).toMatchObject({ exitCode: 5 })
  await process1.driver.remove(key)
})

describe('a port that it was given', () => {
  const listener = async (host: string) => {
    const server = createServer()
    server.listen(0, host)
    await once(server, 'listening')
    return { port: (server.address() as AddressInfo).port, close: () => new Promise((done) => server.close(done)) }
  }

  test.each(['127.0.0.1', '0.0.0.0'])(
    'and on which another program listens at %s fails its start, to be tried again',
    async (host) => {
      const { port, close } = await listener(host)
      const spec = { ports: [{ target: 80, host: port }] }
      const key = fresh()
      await process1.run(key, ['true'], spec)
      expect(await process1.ended(key)).toMatchObject({ type: 'StartFailed', code: 'port-taken', retryable: true })
      expect(await process1.ended(key)).toMatchObject({ message: expect.stringContaining(`listens on port ${port}`) })
      await close()
      expect(await print('echo ran', spec)).toBe('ran')
    },
  )

  test('and on which another program waits for datagrams, likewise', async () => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    const { port: host } = socket.address()
    const key = fresh()
    await process1.run(key, ['true'], { ports: [{ target: 53, host, protocol: 'udp' }] })
    expect(await process1.ended(key)).toMatchObject({ type: 'StartFailed', code: 'port-taken' })
    // The same number of tcp is another port.
    expect(await print('echo ran', { ports: [{ target: 53, host }] })).toBe('ran')
    socket.close()
  })
})
