/**
 * A driver for a third kind of task: a module of JavaScript that runs in a thread of the worker's process. All else (the
 * five states, restarts, output, placement, the API) comes with it: `npx tsx examples/thread-driver.ts`.
 *
 * Such a task dies with its process, and the worker says so: it was lost, and is tried again if its policy lets it.
 */
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { type AttemptKey, type Driver, type DriverChunk, type DriverEvent, openTroupe, type TaskSpec } from 'troupe'

interface Attempt {
  readonly key: AttemptKey
  readonly thread: Worker
  readonly output: DriverChunk[]
  startedAtMs: number
  exitCode: number | undefined
  isStopped: boolean
  /** Wakes those who follow its output. */
  readonly wake: Set<() => void>
}

const nameOf = ({ taskId, attempt }: AttemptKey) => `${taskId}.${attempt}`

class ThreadDriver implements Driver {
  readonly name = 'thread'
  readonly supports = { logs: true, stats: false, exec: false }
  readonly #attempts = new Map<string, Attempt>()
  #listener: (event: DriverEvent) => void = () => {}

  async probe() {
    return { state: 'complete' as const, detail: `threads of Node.js ${process.version}` }
  }

  async watch(_scope: unknown, listener: (event: DriverEvent) => void): Promise<void> {
    // No thread of a former process is left that could be told of.
    this.#listener = listener
  }

  async start(key: AttemptKey, spec: TaskSpec): Promise<void> {
    if (this.#attempts.has(nameOf(key))) return
    const [module, ...argv] = spec.command ?? []
    if (module === undefined) {
      const message = 'a thread needs a command: its module first, then its arguments'
      this.#listener({ type: 'StartFailed', key, atMs: Date.now(), code: 'bad-spec', message, retryable: false })
      return
    }
    const env = { ...process.env, ...spec.env, TROUPE_ATTEMPT: nameOf(key) }
    const thread = new Worker(module, { argv, env, stdout: true, stderr: true })
    const attempt: Attempt = {
      ...{ key, thread, output: [], startedAtMs: Date.now(), exitCode: undefined, isStopped: false, wake: new Set() },
    }
    this.#attempts.set(nameOf(key), attempt)
    for (const stream of ['stdout', 'stderr'] as const) {
      thread[stream].on('data', (data: Uint8Array) => this.#write(attempt, { stream, data }))
    }
    // What it could not load, or threw, is for its reader; that it failed follows from the code.
    thread.on('error', (error) => {
      this.#write(attempt, { stream: 'stderr', data: new TextEncoder().encode(`${error.stack ?? error}\n`) })
    })
    const started = new Promise<void>((resolve) => thread.once('online', resolve))
    const ended = new Promise<number>((resolve) => thread.once('exit', resolve))
    // What it wrote last comes in the same turn as its end.
    void ended.then((code) => setImmediate(() => this.#end(attempt, code)))
    await Promise.race([started, ended])
    this.#listener({ type: 'Started', key, atMs: attempt.startedAtMs })
  }

  async stop(key: AttemptKey): Promise<void> {
    const attempt = this.#attempts.get(nameOf(key))
    if (attempt === undefined || attempt.exitCode !== undefined) return
    // A thread knows no signals, so there is nothing to wait for.
    attempt.isStopped = true
    await attempt.thread.terminate()
  }

  async remove(key: AttemptKey): Promise<void> {
    // Its output is kept for `logs` as long as this process lives; a real driver would bound it, and write it to disk.
    await this.stop(key)
  }

  async list(): Promise<AttemptKey[]> {
    return [...this.#attempts.values()].map(({ key }) => key)
  }

  async *logs(key: AttemptKey, { follow, signal }: { readonly follow: boolean; readonly signal: AbortSignal }) {
    const attempt = this.#attempts.get(nameOf(key))
    for (let at = 0; attempt !== undefined && !signal.aborted; ) {
      const chunk = attempt.output[at]
      if (chunk !== undefined) {
        at += 1
        yield chunk
      } else if (!follow || attempt.exitCode !== undefined) return
      else {
        await new Promise<void>((resolve) => {
          attempt.wake.add(resolve)
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
      }
    }
  }

  async close(): Promise<void> {
    for (const { key } of this.#attempts.values()) await this.stop(key)
  }

  #write(attempt: Attempt, chunk: DriverChunk): void {
    attempt.output.push(chunk)
    for (const wake of attempt.wake) wake()
    attempt.wake.clear()
  }

  #end(attempt: Attempt, code: number): void {
    const { key, startedAtMs } = attempt
    attempt.exitCode = attempt.isStopped ? 143 : code
    const signal = attempt.isStopped ? { signal: 'SIGTERM' } : {}
    this.#listener({ type: 'Exited', key, atMs: Date.now(), exitCode: attempt.exitCode, startedAtMs, ...signal })
    for (const wake of attempt.wake) wake()
    attempt.wake.clear()
  }
}

await using troupe = await openTroupe({ storage: 'memory', drivers: [new ThreadDriver()] })
const primes = fileURLToPath(new URL('primes.mjs', import.meta.url))

const task = await troupe.run({ driver: 'thread', command: [primes, '100000'], name: 'primes' })
for await (const line of task.logs({ follow: true })) console.log(line.text)
console.log(await task.result())

const failed = await troupe.run({ driver: 'thread', command: [primes, 'many'], name: 'no-number' })
console.log(await failed.result())

const stopped = await troupe.run({ driver: 'thread', command: [primes, '1000000000'], name: 'too-many' })
await stopped.stop()
console.log(await stopped.result())
