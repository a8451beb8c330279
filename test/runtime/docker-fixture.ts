/** What the tests of the docker driver share: the engine they use, drivers that clear away after themselves, waiting. */
import { mkdtemp, rm } from 'node:fs/promises'
import http from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { AttemptKey, TaskSpec } from '../../actors/model.ts'
import type { Clock } from '../../runtime/clock.ts'
import { createDockerDriver, type DockerDriverOptions } from '../../runtime/drivers/docker/driver.ts'
import type { Driver, DriverEvent, DriverScope } from '../../runtime/drivers/driver.ts'
import { silentLogger } from '../../runtime/logger.ts'

export const engineSocket = (process.env.DOCKER_HOST ?? '/var/run/docker.sock').replace(/^unix:\/\//, '')
export const testImage = 'troupe-test/busybox:1'

export const realClock: Clock = {
  nowMs: () => Date.now(),
  uptimeMs: () => performance.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

/** Why the tests cannot run here; undefined if they can. With CI=true a missing engine fails them instead. */
export async function whyNoEngine(): Promise<string | undefined> {
  const missing = await askEngine(engineSocket, 'GET', `/images/${testImage}/json`).then(
    ({ status }) => (status === 200 ? undefined : `the engine has no image ${testImage}`),
    (error: Error) => `no Docker engine answers at ${engineSocket} (${error.message})`,
  )
  if (missing === undefined) return undefined
  if (process.env.CI === 'true') throw new Error(`${missing}; with CI=true nothing may be left out`)
  console.warn(`The tests of the docker driver are left out: ${missing}.`)
  return missing
}

/** One request to an engine, past the driver: to look behind its back. */
export function askEngine(socketPath: string, method: string, url: string, body?: object) {
  return new Promise<{ status: number; json: unknown }>((resolve, reject) => {
    const headers = { 'content-type': 'application/json' }
    const request = http.request({ socketPath, method, path: url, headers, timeout: 20_000 }, (response) => {
      const blocks: Buffer[] = []
      response.on('data', (block: Buffer) => blocks.push(block))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(blocks).toString('utf8')
        const json = /^[[{]/.test(text) ? (JSON.parse(text.split('\n')[0] as string) as unknown) : text
        resolve({ status: response.statusCode ?? 0, json })
      })
    })
    request.on('timeout', () => request.destroy(new Error('no answer')))
    request.on('error', reject)
    request.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

/** The first answer that is not undefined or false; asks every 10 ms and gives up after `withinMs`. */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  withinMs = 20_000,
): Promise<T> {
  const deadlineMs = performance.now() + withinMs
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (performance.now() > deadlineMs) throw new Error(`Waited ${withinMs} ms in vain until ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export interface Opened {
  readonly driver: Driver
  readonly events: DriverEvent[]
  of(key: AttemptKey): DriverEvent[]
  ended(key: AttemptKey, withinMs?: number): Promise<DriverEvent>
  told(key: AttemptKey, type: DriverEvent['type'], withinMs?: number): Promise<DriverEvent>
  run(spec: Partial<TaskSpec>, key?: AttemptKey): Promise<AttemptKey>
}

/** One test's cluster on an engine: everything in it is removed by `clear`. */
export class Bench {
  readonly clusterId = `c${randomId()}`
  readonly socketPath: string
  outputDir = ''
  readonly #drivers: Driver[] = []

  constructor(socketPath = engineSocket) {
    this.socketPath = socketPath
  }

  /** A driver that was not bound yet. */
  async create(options: Partial<DockerDriverOptions> = {}): Promise<Driver> {
    if (this.outputDir === '') this.outputDir = await mkdtemp(path.join(tmpdir(), 'troupe-docker-'))
    const driver = createDockerDriver({
      socketPath: this.socketPath,
      clock: realClock,
      logger: silentLogger,
      outputDir: this.outputDir,
      allowMounts: [],
      dockerConfigPath: path.join(this.outputDir, 'no-config.json'),
      ...options,
    })
    this.#drivers.push(driver)
    return driver
  }

  async open(options: Partial<DockerDriverOptions> = {}, nodeId = 'node-a'): Promise<Opened> {
    const driver = await this.create(options)
    const scope: DriverScope = { clusterId: this.clusterId, nodeId }
    const events: DriverEvent[] = []
    await driver.watch(scope, (event) => events.push(event))
    const of = (key: AttemptKey) => events.filter((event) => 'key' in event && name(event.key) === name(key))
    const first = (key: AttemptKey, types: string[], withinMs?: number) =>
      eventually(
        `${name(key)} is told to be ${types.join(' or ')}`,
        () => of(key).find(({ type }) => types.includes(type)),
        withinMs,
      )
    return {
      driver,
      events,
      of,
      ended: (key, withinMs) => first(key, ['Exited', 'StartFailed', 'Lost'], withinMs),
      told: (key, type, withinMs) => first(key, [type], withinMs),
      async run(spec, key = newKey()) {
        await driver.start(key, shell('exit 0', spec), new AbortController().signal)
        return key
      },
    }
  }

  containerName = (key: AttemptKey): string => `troupe-${this.clusterId}-${key.taskId}-${key.attempt}`

  ask(method: string, url: string, body?: object) {
    return askEngine(this.socketPath, method, url, body)
  }

  async inspect(key: AttemptKey): Promise<{ status: number; json: unknown }> {
    return this.ask('GET', `/containers/${this.containerName(key)}/json`)
  }

  /** Ids of all containers of the cluster. */
  async containers(): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [`troupe.cluster=${this.clusterId}`] }))
    const { json } = await this.ask('GET', `/containers/json?all=1&filters=${filters}`)
    return (json as { Id: string }[]).map(({ Id }) => Id)
  }

  async clear(): Promise<void> {
    await Promise.all(this.#drivers.splice(0).map((driver) => driver.close()))
    for (const id of await this.containers()) await this.ask('DELETE', `/containers/${id}?force=1&v=1`)
    if (this.outputDir !== '') await rm(this.outputDir, { recursive: true, force: true })
  }
}

const name = (key: AttemptKey): string => `${key.taskId}.${key.attempt}`

export const newKey = (): AttemptKey => ({ taskId: `t-${randomId()}`, attempt: 1 })

/** A spec that runs `script` in the test image, without a network, which halves what it costs. */
export const shell = (script: string, spec: Partial<TaskSpec> = {}): TaskSpec => ({
  driver: 'docker',
  image: testImage,
  network: 'none',
  pull: 'never',
  command: ['sh', '-c', script],
  ...spec,
})

export async function outputOf(driver: Driver, key: AttemptKey, follow = false) {
  const got = { stdout: '', stderr: '' }
  for await (const chunk of driver.logs(key, { follow, signal: new AbortController().signal })) {
    got[chunk.stream] += Buffer.from(chunk.data).toString('utf8')
  }
  return got
}

function randomId(): string {
  return Math.random().toString(36).slice(2, 12)
}
