/** A real cluster for end-to-end tests: real processes of the built command line, real stores, a real engine. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import type { Client } from '../../runtime/client/client.ts'
import { openClient } from '../../runtime/connect.ts'

export const testImage = 'troupe-test/busybox:1'
const main = resolve(import.meta.dirname, '../../dist/runtime/cli/main.js')
const run = promisify(execFile)

export interface Finished {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** A process of the command line that goes on. */
export class Program {
  readonly child: ChildProcess
  readonly ended: Promise<Finished>
  stdout = ''
  stderr = ''

  /** `through`: a command that executes the rest of its line in its own place, such as `env NAME=value`. */
  constructor(args: readonly string[], env: NodeJS.ProcessEnv, cwd: string, through: readonly string[] = []) {
    if (!existsSync(main)) throw new Error(`${main} is missing; run "npm run build" first`)
    const [command = '', ...line] = [...through, process.execPath, main, ...args]
    this.child = spawn(command, line, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((done) => {
      this.child.on('close', (code, signal) => done({ code, signal, stdout: this.stdout, stderr: this.stderr }))
    })
  }

  async kill(signal: NodeJS.Signals): Promise<Finished> {
    this.child.kill(signal)
    return this.ended
  }
}

/** Polls until `probe` answers something, or throws what it was waiting for. */
export async function until<T>(what: string, probe: () => Promise<T | undefined>, withinMs = 30_000): Promise<T> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const found = await probe()
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error(`after ${withinMs} ms still waiting for ${what}`)
    await new Promise((wake) => setTimeout(wake, 50))
  }
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer()
    server.on('error', fail)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => done(port))
    })
  })
}

export class Cluster {
  readonly dir: string
  readonly port: number
  readonly env: NodeJS.ProcessEnv
  readonly #programs = new Set<Program>()
  /** Every program's last words, for a failure to show. */
  readonly #started: { readonly args: readonly string[]; readonly program: Program }[] = []

  private constructor(dir: string, port: number) {
    this.dir = dir
    this.port = port
    this.env = { ...process.env, TROUPE_ADDR: this.address, TROUPE_DATA_DIR: join(dir, 'data'), NO_COLOR: '1' }
  }

  static async open(): Promise<Cluster> {
    return new Cluster(await mkdtemp(join(tmpdir(), 'troupe-e2e-')), await freePort())
  }

  get address(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  /** Starts one that goes on; it is killed by `close` at the latest. */
  start(...args: string[]): Program {
    return this.startThrough([], ...args)
  }

  /** The same by way of another command, as `Program` says. */
  startThrough(through: readonly string[], ...args: string[]): Program {
    const program = new Program(args, this.env, this.dir, through)
    this.#programs.add(program)
    this.#started.push({ args, program })
    void program.ended.then(() => this.#programs.delete(program))
    return program
  }

  startManager(...flags: string[]): Program {
    return this.start('manager', '--listen', `127.0.0.1:${this.port}`, '--data-dir', join(this.dir, 'data'), ...flags)
  }

  async startWorker(name: string, ...flags: string[]): Promise<Program> {
    const token = await this.token()
    const dataDir = join(this.dir, `worker-${name}`)
    return this.start(
      'worker',
      '--manager',
      this.address,
      '--token',
      token,
      '--name',
      name,
      '--data-dir',
      dataDir,
      ...flags,
    )
  }

  startUp(...flags: string[]): Program {
    return this.start('up', '--listen', `127.0.0.1:${this.port}`, '--data-dir', join(this.dir, 'data'), ...flags)
  }

  token(): Promise<string> {
    const path = join(this.dir, 'data', 'token')
    return until('the token', async () =>
      existsSync(path) ? (await readFile(path, 'utf8')).trim() || undefined : undefined,
    )
  }

  /** Runs a command to its end. */
  async troupe(...args: string[]): Promise<Finished> {
    return this.start(...args).ended
  }

  async json<T>(...args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.troupe(...args)
    if (code !== 0) throw new Error(`troupe ${args.join(' ')} exited with ${code}: ${stderr}`)
    return JSON.parse(stdout) as T
  }

  /** Asks once over a connection of its own; undefined while nobody answers. */
  async ask<T>(question: (client: Client) => Promise<T>): Promise<T | undefined> {
    const token = await this.token()
    const client = await openClient({ url: this.address, token }).catch(() => undefined)
    try {
      return client && (await question(client).catch(() => undefined))
    } finally {
      client?.close()
    }
  }

  /** Waits until this many nodes are Ready. */
  async ready(nodes: number): Promise<void> {
    await until(`${nodes} ready nodes`, async () => {
      const found = await this.ask((client) => client.nodes())
      const ready = found?.items.filter(({ state }) => state === 'Ready')
      return ready !== undefined && ready.length >= nodes ? true : undefined
    })
  }

  /** What the programs that go on said on stderr, the newest last. */
  lastWords(): string {
    const hosts = this.#started.filter(({ args }) => ['up', 'manager', 'worker'].includes(args[0] ?? ''))
    return hosts.map(({ args, program }) => `--- ${args[0]}\n${program.stderr.slice(-4_000)}`).join('\n')
  }

  /** Ends everything that was started, tasks included, and removes the folder. */
  async close(): Promise<void> {
    await Promise.all([...this.#programs].map((program) => program.kill('SIGKILL')))
    await endProcessesMentioning(this.dir)
    if (process.env.TROUPE_E2E_KEEP !== undefined) return
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

/** Processes whose command line, environment or working directory mentions this text, such as a folder that only this test uses. */
export async function processesMentioning(text: string): Promise<number[]> {
  const found: number[] = []
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
    const said = await Promise.all([
      ...['cmdline', 'environ'].map((file) => readFile(`/proc/${name}/${file}`, 'utf8').catch(() => '')),
      // A spawner and its tasks are told of their folder by nothing else.
      readlink(`/proc/${name}/cwd`).catch(() => ''),
    ])
    if (said.some((each) => each.includes(text))) found.push(Number(name))
  }
  return found
}

/** Kills them all, and those as well that were being forked meanwhile. */
export async function endProcessesMentioning(text: string): Promise<void> {
  for (let left = await processesMentioning(text); left.length > 0; left = await processesMentioning(text)) {
    for (const pid of left) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself.
      }
    }
    await new Promise((wake) => setTimeout(wake, 20))
  }
}

/** Containers of ours on the engine, by a label. */
export async function containersWith(label: string): Promise<string[]> {
  const { stdout } = await run('docker', ['ps', '-a', '-q', '--no-trunc', '--filter', `label=${label}`])
  return stdout.split('\n').filter((id) => id !== '')
}
