/**
 * A manager and three workers as docs/OPERATIONS.md has them: the command lines and settings of the systemd units, each in a
 * network of its own, joined to the manager's by a cable, with TLS by an authority that nobody but they know.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { copyFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Authority } from '../transport/certificates.ts'
import { endProcessesMentioning, type Finished, Program, testImage, until } from './cluster.ts'
import { whyNoNetwork } from './cut-network.ts'

const units = resolve(import.meta.dirname, '../../examples/systemd')
const withoutEngine = process.env.TROUPE_TEST_WITHOUT_ENGINE
const reason = whyNoNetwork() ?? withoutEngine

/** Settings of one name in a unit's section `Service`, in their order. */
const settings = (unit: string, name: string): string[] =>
  readFileSync(join(units, unit), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith(`${name}=`))
    .map((line) => line.slice(name.length + 1))

/** The manager is the first; `at` 1 to 4. */
class Machine {
  readonly dir: string
  readonly #space: string
  readonly #programs: Program[] = []

  constructor(root: string, tag: string, at: number) {
    this.dir = join(root, `machine-${at}`)
    this.#space = `tq-${tag}-${at}`
    for (const folder of ['state', 'etc']) mkdirSync(join(this.dir, folder), { recursive: true })
    ip('netns', 'add', this.#space)
    ip('-n', this.#space, 'link', 'set', 'lo', 'up')
    if (at === 1) ip('-n', this.#space, 'addr', 'add', `${managerOf(tag)}/32`, 'dev', 'lo')
    else this.#lay(tag, at)
  }

  /** A cable to the manager's machine: no bridge, for a firewall of the host's may look into those. */
  #lay(tag: string, at: number): void {
    const near = ['-n', this.#space]
    const far = ['-n', `tq-${tag}-1`]
    const [here, there] = [`${subnetOf(tag)}.${at * 4 + 1}`, `${subnetOf(tag)}.${at * 4 + 2}`]
    ip(...near, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `eth${at}`, 'netns', `tq-${tag}-1`)
    ip(...near, 'addr', 'add', `${here}/30`, 'dev', 'eth0')
    ip(...far, 'addr', 'add', `${there}/30`, 'dev', `eth${at}`)
    ip(...near, 'link', 'set', 'eth0', 'up')
    ip(...far, 'link', 'set', `eth${at}`, 'up')
    ip(...near, 'route', 'add', managerOf(tag), 'via', there)
  }

  /** What a unit starts, with this machine's folders in the places of the real ones. */
  start(unit: string, ...more: string[]): Program {
    const [, ...args] = (settings(unit, 'ExecStart')[0] as string).split(' ')
    return this.#run([...args.map((arg) => this.#here(arg)), ...more], this.#environment(unit))
  }

  troupe(...args: string[]): Promise<Finished> {
    return this.#run(args, { ...this.#environment('troupe-worker.service'), TROUPE_DATA_DIR: join(this.dir, 'state') })
      .ended
  }

  #run(args: readonly string[], env: NodeJS.ProcessEnv): Program {
    const program = new Program(args, { PATH: process.env.PATH, ...env }, this.dir, [
      'ip',
      'netns',
      'exec',
      this.#space,
    ])
    this.#programs.push(program)
    return program
  }

  #environment(unit: string): NodeJS.ProcessEnv {
    const files = settings(unit, 'EnvironmentFile').map((file) =>
      join(this.dir, 'etc', file.slice('/etc/troupe/'.length)),
    )
    const lines = files
      .flatMap((file) => readFileSync(file, 'utf8').split('\n'))
      .filter((line) => /^[A-Z_]+=/.test(line))
    const pairs = [...settings(unit, 'Environment'), ...lines].map((line) => line.split(/=(.*)/s).slice(0, 2))
    return Object.fromEntries(pairs.map(([name, value = '']) => [name, this.#here(value)]))
  }

  #here = (text: string): string =>
    text.replace('/var/lib/troupe', join(this.dir, 'state')).replace('/etc/troupe', join(this.dir, 'etc'))

  /** What its programs said last on stderr, for a failure to show. */
  lastWords(): string {
    return this.#programs
      .map(({ stderr }) => stderr.slice(-500))
      .filter(Boolean)
      .join('\n')
  }

  async close(): Promise<void> {
    await Promise.all(this.#programs.map((program) => program.kill('SIGKILL')))
    execFileSync('ip', ['netns', 'del', this.#space], { stdio: 'pipe' })
  }
}

const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })

/** Of 10.0.0.0/8, by the tag, so that two runs on one machine do not meet. */
const subnetOf = (tag: string): string =>
  `10.${Number.parseInt(tag.slice(0, 2), 16)}.${Number.parseInt(tag.slice(2), 16)}`

const managerOf = (tag: string): string => `${subnetOf(tag)}.254`

const tag = Math.floor(Math.random() * 0x10000)
  .toString(16)
  .padStart(4, '0')
let root: string
let authority: Authority
const machines: Machine[] = []

beforeAll(() => {
  if (reason !== undefined) return
  root = mkdtempSync(join(tmpdir(), 'troupe-four-'))
  authority = new Authority()
  for (const at of [1, 2, 3, 4]) machines.push(new Machine(root, tag, at))
})

afterAll(async () => {
  if (reason !== undefined) return
  await Promise.all(machines.map((machine) => machine.close()))
  await endProcessesMentioning(root)
  rmSync(root, { recursive: true, force: true })
  authority.remove()
})

// Without network namespaces there is no more than one machine here, and without an engine nothing to run.
test.skipIf(reason !== undefined)(
  `the units make a cluster of four machines${reason ? ` (left out: ${reason})` : ''}`,
  async ({ onTestFailed }) => {
    onTestFailed(() => console.error(machines.map((machine) => machine.lastWords()).join('\n---\n')))
    const [first, ...others] = machines as [Machine, ...Machine[]]
    const address = `wss://${managerOf(tag)}:4747`
    const { certFile, keyFile } = authority.issue('manager', `IP:${managerOf(tag)},IP:127.0.0.1,DNS:localhost`)
    await copyFile(certFile, join(first.dir, 'etc/manager.pem'))
    await copyFile(keyFile, join(first.dir, 'etc/manager.key.pem'))
    const asked = readFileSync(join(units, 'worker.env'), 'utf8').replace('wss://manager.example:4747', address)
    expect(asked).toContain(address)
    for (const { dir } of machines) {
      writeFileSync(join(dir, 'etc/worker.env'), asked)
      await copyFile(authority.caFile, join(dir, 'etc/authority.pem'))
    }

    const manager = first.start('troupe-manager.service')
    await until('it listens', async () => manager.stdout.match(/^manager: +wss:\/\/0\.0\.0\.0:4747$/m) ?? undefined)
    for (const [at, worker] of others.entries()) {
      await copyFile(join(first.dir, 'state/token'), join(worker.dir, 'state/token'))
      worker.start('troupe-worker.service', '--name', `machine-${at + 2}`)
    }
    const names = await until('three ready nodes', async () => {
      const { stdout, code } = await first.troupe('node', '--json')
      const nodes = code === 0 ? (JSON.parse(stdout) as { name: string; state: string }[]) : []
      return nodes.filter(({ state }) => state === 'Ready').length === 3 ? nodes.map(({ name }) => name) : undefined
    })
    expect(names).toEqual(['machine-2', 'machine-3', 'machine-4'])

    // From a machine that is not the manager's, a task for each node.
    const asker = others[0] as Machine
    const ran = await Promise.all(
      names.map((name) =>
        asker.troupe('run', '--constraint', `node=${name}`, '--pull', 'never', testImage, 'echo', `at ${name}`),
      ),
    )
    expect(ran.map(({ code, stdout }) => [code, stdout.trim()])).toEqual(names.map((name) => [0, `at ${name}`]))

    const stranger = await (others[1] as Machine).troupe('status', '--ca', join(root, 'nowhere.pem'))
    expect(stranger.code).toBe(2)
    expect(stranger.stderr).toContain('--ca names')
  },
)
