/** A Docker engine of the test's own, to be killed and started again. It touches neither the other engine's files nor its bridge. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { askEngine, engineSocket, eventually, testImage } from './docker-fixture.ts'

/** Not `--bridge none`, which deletes docker0 of the other engine; and not docker0 itself, which is that engine's. */
const bridge = 'troupetest0'
const startMs = 30_000
/** Programs of the system, not of any package. */
const tools = { ip: 'ip', umount: 'umount' }

/** Why no engine of our own can be started here; undefined if it can. */
export function whyNoOwnEngine(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can start a Docker engine of its own'
  for (const program of ['dockerd', 'containerd', 'ip']) {
    try {
      execFileSync('which', [program], { env: { ...process.env, PATH: searchPath }, stdio: 'ignore' })
    } catch {
      return `${program} is not installed`
    }
  }
  return undefined
}

const searchPath = `${process.env.PATH}:/usr/sbin:/sbin`

export class OwnEngine {
  readonly #folder: string
  #process: ChildProcess | undefined

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Starts an engine that has the test image. */
  static async open(): Promise<OwnEngine> {
    const engine = new OwnEngine(await mkdtemp(path.join(tmpdir(), 'troupe-engine-')))
    if (!execFileSync(tools.ip, ['-o', 'link'], { encoding: 'utf8' }).includes(bridge)) {
      execFileSync(tools.ip, ['link', 'add', 'name', bridge, 'type', 'bridge'])
      execFileSync(tools.ip, ['addr', 'add', '10.213.7.1/24', 'dev', bridge])
    }
    await engine.start()
    await copyImage(engine.socketPath)
    return engine
  }

  get socketPath(): string {
    return path.join(this.#folder, 'engine.sock')
  }

  /** Resolves when it answers. */
  async start(...flags: string[]): Promise<void> {
    const { env } = process
    const log = openSync(path.join(this.#folder, 'log'), 'a')
    const own = ['data-root', 'exec-root', 'pidfile'].flatMap((name) => [`--${name}`, path.join(this.#folder, name)])
    const network = ['--bridge', bridge, '--iptables=false', '--ip6tables=false', '--ip-forward=false']
    const args = [...own, '--host', `unix://${this.socketPath}`, ...network, ...flags]
    // A group of its own, so that Ctrl-C reaches the tests first.
    const child = spawn('dockerd', args, {
      stdio: ['ignore', log, log],
      detached: true,
      env: { ...env, PATH: searchPath },
    })
    closeSync(log)
    this.#process = child
    let hasEnded = false
    child.on('exit', () => {
      hasEnded = true
    })
    const answers = async () => {
      if (hasEnded)
        throw new Error(`dockerd ended: ${readFileSync(path.join(this.#folder, 'log'), 'utf8').slice(-2_000)}`)
      return (await askEngine(this.socketPath, 'GET', '/_ping').catch(() => undefined))?.status === 200
    }
    await eventually('our own engine answers', answers, startMs)
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill(signal)
    await ended
    // Its containerd dies with it, a moment later. The next engine would take a dying one, or one whose id was given
    // to another process, for its own.
    const pidFile = path.join(this.#folder, 'exec-root', 'containerd', 'containerd.pid')
    const pid = Number(await readFile(pidFile, 'utf8').catch(() => '0'))
    if (pid > 0) await eventually('containerd has ended', async () => !(await isAlive(pid)))
    await rm(pidFile, { force: true })
    await rm(path.join(this.#folder, 'pidfile'), { force: true })
  }

  async close(): Promise<void> {
    await this.kill('SIGTERM')
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry)) continue
      const line = await readFile(`/proc/${entry}/cmdline`, 'utf8').catch(() => '')
      // containerd and its shims name our folder on their command line.
      if (!line.includes(path.join(this.#folder, 'exec-root'))) continue
      try {
        process.kill(Number(entry), 'SIGKILL')
      } catch {
        // It has ended by itself meanwhile.
      }
    }
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
    for (const mount of mounts
      .map((line) => line.split(' ')[1] ?? '')
      .filter((each) => each.startsWith(this.#folder))) {
      // One may have gone with another that it was in.
      spawnSync(tools.umount, ['-l', mount], { stdio: 'ignore' })
    }
    execFileSync(tools.ip, ['link', 'delete', bridge], { stdio: 'ignore' })
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** Nobody may be there to reap it: a zombie is dead. */
async function isAlive(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat !== '' && !/\) Z /.test(stat)
}

/** From the engine that all tests use. */
function copyImage(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-tar' }
    const load = http.request({ socketPath, method: 'POST', path: '/images/load?quiet=1', headers }, (response) => {
      response.resume().on('end', () => resolve())
    })
    load.on('error', reject)
    http
      .get({ socketPath: engineSocket, path: `/images/${testImage}/get` }, (saved) => saved.pipe(load))
      .on('error', reject)
  })
}
