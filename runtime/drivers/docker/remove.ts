/**
 * Removes attempts: ends what runs, saves the output, and then removes the container. Killed in between, the next call
 * does the same again: the output is written whole or not at all, and from a container that is still there.
 */
import { type AttemptKey, attemptName } from '../../../actors/model.ts'
import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import type { DriverChunk } from '../driver.ts'
import {
  decodeFrames,
  OutputUnreadable,
  outputExists,
  outputPath,
  removeUnfinishedOutput,
  saveOutput,
} from '../output-file.ts'
import type { ContainerView } from './container.ts'
import { type Engine, EngineError, isRefusal } from './engine.ts'
import type { EngineWatch } from './events.ts'
import { containerName, isAttempt } from './identity.ts'
import type { KeptContainers } from './kept.ts'
import type { AttemptRecord, Reports } from './report.ts'

const askAgainMs = 50

export interface RemoveOptions {
  readonly engine: Engine
  readonly reports: Reports
  readonly watch: EngineWatch
  readonly kept: KeptContainers
  readonly clock: Clock
  readonly logger: Logger
  readonly outputDir: string
  readonly outputBytesMax: number
}

export class Removals {
  readonly #options: RemoveOptions

  constructor(options: RemoveOptions) {
    this.#options = options
  }

  /** See `Driver.remove`. A second call while the first is under way joins it. */
  remove(key: AttemptKey): Promise<void> {
    const record = this.#options.reports.recordOf(key)
    record.removing ??= this.#remove(record).finally(() => {
      record.removing = undefined
    })
    return record.removing
  }

  async #remove(record: AttemptRecord): Promise<void> {
    const { reports, outputDir } = this.#options
    if (record.starting !== undefined) {
      record.starting.controller.abort()
      await record.starting.done
    }
    const file = outputPath(outputDir, record.key)
    const id = this.#endedId(record) ?? (await this.#findEnded(record))
    if (id !== undefined) {
      await this.#save(record, id, file)
      await this.#delete(id)
    }
    record.stopping?.cancelKill()
    await removeUnfinishedOutput(file)
    // A start that came meanwhile waits for this and goes on with the record.
    if (record.starting === undefined) reports.forget(record)
  }

  /** Its container, if it was seen to end: then there is nothing to be asked. */
  #endedId({ end, containerId }: AttemptRecord): string | undefined {
    return end?.type === 'Exited' ? containerId : undefined
  }

  /** Its container, which is ended if it runs; undefined if there is none. */
  async #findEnded(record: AttemptRecord): Promise<string | undefined> {
    const { engine, reports } = this.#options
    const view = await engine.inspect(containerName(reports.scope, record.key))
    if (view === undefined || !isAttempt(reports.scope, record.key, view.labels)) return undefined
    const ended = view.phase === 'running' ? await this.#end(view.id) : view
    if (ended !== undefined) await reports.observe(ended)
    return ended?.id
  }

  /** Kills it, so that its output is whole before it is saved. */
  async #end(id: string): Promise<ContainerView | undefined> {
    const { engine, clock } = this.#options
    await engine.kill(id, 'SIGKILL')
    return this.#until(id, (view) => view?.phase !== 'running', clock.uptimeMs() + engine.deadlines.removeMs)
  }

  async #delete(id: string): Promise<void> {
    const { engine, clock } = this.#options
    try {
      await engine.remove(id, { force: true })
    } catch (error) {
      // Somebody else's removal of it is under way, or an earlier life's.
      if (!isRefusal(error, 409)) throw error
      await this.#until(id, (view) => view === undefined, clock.uptimeMs() + engine.deadlines.removeMs)
    }
  }

  async #until(
    id: string,
    isTrue: (view: ContainerView | undefined) => boolean,
    deadlineMs: number,
  ): Promise<ContainerView | undefined> {
    const { engine, watch, clock } = this.#options
    for (;;) {
      const view = await engine.inspect(id)
      if (isTrue(view)) return view
      if (clock.uptimeMs() > deadlineMs) throw new EngineError('deadline', `the container ${id} could not be removed`)
      await watch.pause(askAgainMs)
    }
  }

  async #save(record: AttemptRecord, id: string, file: string): Promise<void> {
    const { engine, kept, outputBytesMax } = this.#options
    await engine.within('logs', engine.deadlines.removeMs, async (signal) => {
      const stream = await engine.logs(id, { follow: false, timestamps: false }, signal)
      // The engine gives no output of a container whose removal was begun; it was saved before that.
      if (stream === undefined && (await outputExists(file))) return
      const chunks = this.#readable(record, decodeFrames(stream ?? nothing()))
      kept.saved(record.key, await saveOutput(file, chunks, { bytesMax: outputBytesMax }))
    })
  }

  /** What the engine itself cannot read is lost; it must not keep the container for ever. */
  async *#readable(record: AttemptRecord, chunks: AsyncIterable<DriverChunk>): AsyncGenerator<DriverChunk> {
    try {
      yield* chunks
    } catch (error) {
      if (!(error instanceof OutputUnreadable)) throw error
      this.#options.logger.warn('A part of an output could not be read and is lost.', {
        attempt: attemptName(record.key),
        error: error.message,
      })
    }
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
