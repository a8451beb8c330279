/** A driver whose attempts do what a test tells them, and an embedded Troupe that has no other. */
import type { AttemptKey, TaskSpec } from '../../actors/model.ts'
import { attemptName } from '../../actors/model.ts'
import type { Driver, DriverChunk, DriverEvent } from '../../runtime/drivers/driver.ts'

interface Scripted {
  readonly key: AttemptKey
  readonly spec: TaskSpec
  readonly chunks: DriverChunk[]
  exitCode: number | undefined
  wake: () => void
}

const bytes = new TextEncoder()

/** Attempts start at once; `exit` ends them, and so does a stop, with code 143. */
export class ScriptDriver implements Driver {
  readonly name: string
  isClosed = false
  readonly supports = { logs: true, stats: false, exec: false }
  readonly #attempts = new Map<string, Scripted>()
  #listener: (event: DriverEvent) => void = () => {}

  constructor(name = 'process') {
    this.name = name
  }

  exit(taskId: string, exitCode: number, attempt = 1): void {
    const scripted = this.#attempts.get(attemptName({ taskId, attempt }))
    if (scripted === undefined) throw new Error(`${taskId} has no attempt ${attempt}`)
    if (scripted.exitCode !== undefined) return
    scripted.exitCode = exitCode
    scripted.wake()
    this.#listener({ type: 'Exited', key: scripted.key, atMs: Date.now(), exitCode })
  }

  write(taskId: string, text: string | Uint8Array, stream: 'stdout' | 'stderr' = 'stdout', attempt = 1): void {
    const scripted = this.#attempts.get(attemptName({ taskId, attempt }))
    scripted?.chunks.push({ stream, data: typeof text === 'string' ? bytes.encode(text) : text })
    scripted?.wake()
  }

  async probe() {
    return { state: 'complete' as const, detail: 'a script' }
  }

  async watch(_scope: unknown, listener: (event: DriverEvent) => void): Promise<void> {
    this.#listener = listener
    // As a worker that was started again must be told.
    for (const { key, exitCode } of this.#attempts.values()) {
      listener({ type: 'Started', key, atMs: Date.now() })
      if (exitCode !== undefined) listener({ type: 'Exited', key, atMs: Date.now(), exitCode })
    }
  }

  async start(key: AttemptKey, spec: TaskSpec): Promise<void> {
    this.#attempts.set(attemptName(key), { key, spec, chunks: [], exitCode: undefined, wake: () => {} })
    this.#listener({ type: 'Started', key, atMs: Date.now() })
  }

  async stop(key: AttemptKey): Promise<void> {
    if (this.#attempts.has(attemptName(key))) this.exit(key.taskId, 143, key.attempt)
  }

  async remove(): Promise<void> {}

  async list(): Promise<AttemptKey[]> {
    return [...this.#attempts.values()].map(({ key }) => key)
  }

  async *logs(key: AttemptKey, { follow, signal }: { follow: boolean; signal: AbortSignal }) {
    const scripted = this.#attempts.get(attemptName(key))
    for (let at = 0; scripted !== undefined && !signal.aborted; ) {
      const chunk = scripted.chunks[at]
      if (chunk !== undefined) {
        at += 1
        yield chunk
      } else if (!follow || scripted.exitCode !== undefined) return
      else {
        await new Promise<void>((resolve) => {
          const { wake } = scripted
          scripted.wake = () => {
            wake()
            resolve()
          }
          signal.addEventListener('abort', () => resolve(), { once: true })
        })
      }
    }
  }

  async close(): Promise<void> {
    this.isClosed = true
  }
}
