/** A real `troupe up` and a browser, for all tests of a file, and windows on it that end with each test. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll } from 'vitest'
import { connect, type TaskSpec, type Troupe } from '../../runtime/index.ts'
import { Cluster, type Program, until } from '../e2e/cluster.ts'
import { launchBrowser } from './browser.ts'
import { Window, type WindowOptions } from './window.ts'

export class Inspected {
  #browser: Browser | undefined
  #cluster: Cluster | undefined
  #up: Program | undefined
  #troupe: Troupe | undefined
  #address = ''
  #windows: Window[] = []

  get cluster(): Cluster {
    return there(this.#cluster)
  }

  get troupe(): Troupe {
    return there(this.#troupe)
  }

  /** As `up` printed it, with the token. */
  get address(): string {
    return this.#address
  }

  /** The page's address with another token, or none. */
  addressWith(token: string | undefined): string {
    const fragment = token === undefined ? '' : `#token=${encodeURIComponent(token)}`
    return `http://127.0.0.1:${this.cluster.port}/${fragment}`
  }

  async begin(): Promise<void> {
    this.#cluster = await Cluster.open()
    const launching = launchBrowser()
    await this.startUp()
    this.#browser = await launching
    await this.cluster.ready(1)
    this.#troupe = await connect(this.cluster.address, { token: await this.cluster.token() })
  }

  async startUp(): Promise<void> {
    const up = this.cluster.startUp('--driver', 'process', '--name', 'here')
    this.#up = up
    this.#address = await until('the printed address', async () => /^inspector:\s+(\S+)$/m.exec(up.stdout)?.[1])
  }

  async killUp(): Promise<void> {
    await this.#up?.kill('SIGKILL')
  }

  async open(address = this.#address, options: WindowOptions = {}): Promise<Window> {
    const window = await Window.open(there(this.#browser), address, options)
    this.#windows.push(window)
    return window
  }

  async closeWindows(): Promise<void> {
    const opened = this.#windows
    this.#windows = []
    for (const window of opened) await window.close()
  }

  async end(): Promise<void> {
    await this.#troupe?.close()
    await this.#browser?.close()
    await this.#cluster?.close()
  }

  /** Says what `before` says, and then runs until `letEnd` gives it the code to exit with. */
  waiting(name: string, more: Partial<TaskSpec> = {}, before = ':'): TaskSpec {
    const gate = this.#gate(name)
    const script = `${before}; while [ ! -s ${gate} ]; do sleep 0.1; done; exit $(cat ${gate})`
    return { driver: 'process', name, cpus: 0.05, command: ['sh', '-c', script], ...more }
  }

  letEnd(name: string, code = 0): Promise<void> {
    return writeFile(this.#gate(name), String(code))
  }

  #gate(name: string): string {
    return join(this.cluster.dir, `gate-${name}`)
  }
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('it has not begun')
  return value
}

/** To be called once, at the top of a file. */
export function inspected(): Inspected {
  const all = new Inspected()
  beforeAll(() => all.begin())
  afterEach(() => all.closeWindows())
  afterAll(() => all.end())
  return all
}
