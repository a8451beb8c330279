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
import type { AttemptRecord, Reports } from './report.ts'

const askAgainMs = 50

export interface RemoveOptions {
  readonly engine: Engine
  readonly reports: Reports
  readonly watch: EngineWatch
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
    const { engine, reports, outputDir } = this.#options
    if (record.starting !== undefined) {
      record.starting.controller.abort()
      await record.starting.done
    }
    const file = outputPath(outputDir, record.key)
    const view = await engine.inspect(containerName(reports.scope, record.key))
    if (view !== undefined && isAttempt(reports.scope, record.key, view.labels)) {
      const ended = view.phase === 'running' ? await this.#end(view.id) : view
      if (ended !== undefined) {
        await reports.observe(ended)
        await this.#save(ended, file)
        await this.#delete(ended.id)
      }
    }
    record.stopping?.cancelKill()
    await removeUnfinishedOutput(file)
    reports.forget(record)
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

  async #save(view: ContainerView, file: string): Promise<void> {
    const { outputBytesMax } = this.#options
    const stream = await this.#options.engine.logs(
      view.id,
      { follow: false, timestamps: false },
      this.#options.watch.closing,
    )
    // The engine gives no output of a container whose removal was begun; it was saved before that.
    if (stream === undefined && (await outputExists(file))) return
    await saveOutput(file, this.#readable(view, decodeFrames(stream ?? nothing())), { bytesMax: outputBytesMax })
  }

  /** What the engine itself cannot read is lost; it must not keep the container for ever. */
  async *#readable(view: ContainerView, chunks: AsyncIterable<DriverChunk>): AsyncGenerator<DriverChunk> {
    try {
      yield* chunks
    } catch (error) {
      if (!(error instanceof OutputUnreadable)) throw error
      this.#options.logger.warn('A part of an output could not be read and is lost.', {
        attempt: attemptName(this.#keyOf(view)),
        error: error.message,
      })
    }
  }

  #keyOf(view: ContainerView): AttemptKey {
    return { taskId: view.labels['troupe.task'] ?? '', attempt: Number(view.labels['troupe.attempt']) }
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
