/** All attempts of one folder, as the one spawner of that folder keeps them. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { OutputRetention } from '../../options.ts'
import type { DriverScope } from '../driver.ts'
import { type KeptOutput, keptOutputLimits, leftoverAt } from '../kept-output.ts'
import { Attempt, type AttemptContext } from './attempt.ts'
import { AttemptFolder } from './folder.ts'
import { forkTask } from './fork.ts'
import { createKeptOutput, keptName } from './kept.ts'
import { boundOutput, keepOutput, type OutputLimits, outputPollMs } from './output.ts'
import { checkPorts } from './ports.ts'
import { MarkFinder, readBootId } from './proc.ts'
import type { AttemptSeen, SpawnerRequest } from './protocol.ts'
import { StartRefused } from './refusal.ts'

type StartRequest = Extract<SpawnerRequest, { verb: 'start' }>

/** A name makes a path, so it is checked even though it comes from a driver. */
const nameShape = /^[a-z0-9][a-z0-9-]{0,62}\.[1-9][0-9]{0,14}$/

interface Entry {
  readonly attempt: Attempt
  /** Resolves once its outcome is known; never rejects. */
  readonly born: Promise<void>
  removal?: Promise<void>
}

export interface AttemptsOptions extends OutputLimits {
  readonly dir: string
  /** Of the output of those that were removed. */
  readonly retention: OutputRetention
  readonly onSeen: (scope: DriverScope, view: AttemptSeen) => void
  readonly complain: (text: string) => void
}

export class Attempts {
  readonly #options: AttemptsOptions
  readonly #context: AttemptContext
  readonly #entries = new Map<string, Entry>()
  readonly #bootId = readBootId()
  #bounding: Promise<void> | undefined
  readonly #kept: KeptOutput

  constructor(options: AttemptsOptions) {
    this.#options = options
    this.#context = {
      finder: new MarkFinder(),
      announce: ({ intent, view }) => view && options.onSeen(intent, view),
      complain: options.complain,
    }
    this.#kept = createKeptOutput(options.dir, options.retention)
    setInterval(() => this.#bound(), outputPollMs).unref()
    setInterval(() => void this.#trim(), keptOutputLimits.checkMs).unref()
  }

  /** Finds out what is true of every attempt that the folder knows. */
  async recover(): Promise<void> {
    const { dir } = this.#options
    await rm(join(dir, 'trash'), { recursive: true, force: true })
    for (const name of ['attempts', 'output', 'trash']) await mkdir(join(dir, name), { recursive: true, mode: 0o700 })
    for (const name of await readdir(join(dir, 'attempts'))) {
      const folder = new AttemptFolder(dir, name)
      const intent = await folder.readIntent()
      if (!intent) {
        // The marker is whole before anything is forked, so nothing ever ran for this one.
        await folder.discard()
        continue
      }
      const attempt = new Attempt(folder, intent, this.#context)
      await attempt.recover()
      this.#entries.set(name, { attempt, born: Promise.resolve() })
    }
    void this.#trim()
  }

  get running(): number {
    return [...this.#entries.values()].filter(({ attempt }) => attempt.view === undefined || attempt.isRunning).length
  }

  views(scope: DriverScope): AttemptSeen[] {
    return [...this.#entries.values()].flatMap(({ attempt }) => {
      const { view } = attempt
      return view && isOf(attempt, scope) ? [view] : []
    })
  }

  names(scope: DriverScope): string[] {
    return [...this.#entries].flatMap(([name, { attempt }]) => (isOf(attempt, scope) ? [name] : []))
  }

  /** Starts it unless it was ever started. Resolves when the outcome is known, with a view if it was there before. */
  async start(request: StartRequest): Promise<AttemptSeen[]> {
    const known = this.#entries.get(request.name)
    if (known) {
      if (!isOf(known.attempt, request.scope)) {
        return [
          refused(
            request.name,
            `Another node has an attempt ${request.name} in this folder; give each worker its own.`,
          ),
        ]
      }
      await known.born
      // One that could not even be noted down is forgotten again, and this is another try.
      return known.attempt.view ? [known.attempt.view] : this.start(request)
    }
    const folder = new AttemptFolder(this.#options.dir, checkedName(request.name))
    const { clusterId, nodeId } = request.scope
    const intent = { clusterId, nodeId, bootId: this.#bootId, atMs: Date.now() }
    const attempt = new Attempt(folder, intent, this.#context)
    let failure: AttemptSeen | undefined
    const born = this.#begin(attempt, request).catch(async (error) => {
      this.#entries.delete(request.name)
      const { code, message } = error as NodeJS.ErrnoException
      // A folder that nobody knew of may be that of a start, so it stays, and stays in the way of another.
      if (code !== 'EEXIST') await folder.discard().catch(() => undefined)
      failure = refused(request.name, `The spawner cannot write to its folder: ${message}`)
    })
    this.#entries.set(request.name, { attempt, born })
    await born
    return failure ? [failure] : []
  }

  async stop(name: string, scope: DriverScope, graceMs: number): Promise<void> {
    const entry = this.#find(name, scope)
    await entry?.born
    entry?.attempt.stop(graceMs)
  }

  /** Ends it if need be and keeps nothing but its output. */
  async remove(name: string, scope: DriverScope): Promise<void> {
    const entry = this.#find(name, scope)
    if (!entry) return
    entry.removal ??= this.#remove(entry).finally(() => {
      delete entry.removal
    })
    await entry.removal
  }

  #find(name: string, scope: DriverScope): Entry | undefined {
    const entry = this.#entries.get(name)
    return entry && isOf(entry.attempt, scope) ? entry : undefined
  }

  async #begin(attempt: Attempt, request: StartRequest): Promise<void> {
    const { folder } = attempt
    if (await this.#wasRemoved(folder, attempt.intent.clusterId)) {
      this.#entries.delete(folder.name)
      const message = 'It ran before and was removed; it is not started again.'
      this.#options.onSeen(request.scope, { name: folder.name, end: { kind: 'lost', message, atMs: Date.now() } })
      return
    }
    await folder.claim(attempt.intent)
    try {
      await checkPorts(request.ports ?? [])
      attempt.own(await forkTask(folder, { ...request, ref: attempt.ref }))
    } catch (error) {
      const why =
        error instanceof StartRefused ? error : new StartRefused('start-failed', (error as Error).message, true)
      await attempt.refuse(why.code, why.message, why.retryable)
    }
  }

  /** A removed attempt that had begun has left its output. That of an older task goes, so that it is nobody's by mistake. */
  async #wasRemoved(folder: AttemptFolder, clusterId: string): Promise<boolean> {
    const leftover = await leftoverAt(folder.keptOutput('stdout', clusterId), Date.now())
    if (leftover === 'older') await this.#kept.discard(keptName(folder, clusterId))
    return leftover === 'same'
  }

  async #remove(entry: Entry): Promise<void> {
    await entry.born
    const { folder } = entry.attempt
    await entry.attempt.makeGone()
    const { clusterId } = entry.attempt.intent
    const bytes = await keepOutput(folder, clusterId, this.#options)
    this.#kept.note(keptName(folder, clusterId), bytes)
    await folder.discard()
    this.#entries.delete(folder.name)
    await this.#trim()
  }

  async #trim(): Promise<void> {
    try {
      await this.#kept.trim()
    } catch (error) {
      this.#options.complain(`Kept output could not be trimmed: ${(error as Error).message}`)
    }
  }

  #bound(): void {
    this.#bounding ??= this.#boundAll()
      .catch((error) => this.#options.complain(`Output could not be bounded: ${(error as Error).message}`))
      .finally(() => {
        this.#bounding = undefined
      })
  }

  async #boundAll(): Promise<void> {
    for (const { attempt, removal } of [...this.#entries.values()]) {
      if (attempt.isRunning && !removal) await boundOutput(attempt.folder, this.#options)
    }
  }
}

const isOf = ({ intent }: Attempt, scope: DriverScope): boolean =>
  intent.clusterId === scope.clusterId && intent.nodeId === scope.nodeId

function checkedName(name: string): string {
  if (!nameShape.test(name)) throw new Error(`"${name}" is not the name of an attempt.`)
  return name
}

function refused(name: string, message: string): AttemptSeen {
  return { name, end: { kind: 'startFailed', code: 'start-failed', message, retryable: true, atMs: Date.now() } }
}
