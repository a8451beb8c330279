/** What is kept of the output of removed containers: which of it goes, and how. */
import { rm } from 'node:fs/promises'
import { type AttemptKey, attemptName } from '../../../actors/model.ts'
import type { Clock } from '../../clock.ts'
import type { Logger } from '../../logger.ts'
import type { OutputRetention } from '../../options.ts'
import { KeptOutput, keptFilesIn, keptOutputLimits, leftoverAt } from '../kept-output.ts'
import { outputPath } from '../output-file.ts'

export interface KeptContainersOptions {
  readonly outputDir: string
  readonly retention: OutputRetention
  readonly clock: Clock
  readonly logger: Logger
}

export class KeptContainers {
  readonly #options: KeptContainersOptions
  readonly #kept: KeptOutput
  #cancel: (() => void) | undefined
  #closed = false

  constructor(options: KeptContainersOptions) {
    const { outputDir, retention, clock } = options
    this.#options = options
    this.#kept = new KeptOutput({
      retention,
      nowMs: () => clock.nowMs(),
      find: () => keptFilesIn(outputDir, (file) => /^(.+)\.log$/.exec(file)?.[1]),
      remove: (name) => rm(`${outputDir}/${name}.log`, { force: true }),
    })
  }

  /** Trims from now on, now and again. */
  begin(): void {
    void this.#round()
  }

  /** The output of an attempt was saved. */
  saved(key: AttemptKey, bytes: number): void {
    this.#kept.note(attemptName(key), bytes)
    void this.#trim()
  }

  /** Whether this attempt was removed. What an older task of the same id has left goes, so that it is nobody's by mistake. */
  async wasRemoved(key: AttemptKey): Promise<boolean> {
    const { outputDir, clock } = this.#options
    const leftover = await leftoverAt(outputPath(outputDir, key), clock.nowMs())
    if (leftover === 'older') await this.#kept.discard(attemptName(key))
    return leftover === 'same'
  }

  close(): void {
    this.#closed = true
    this.#cancel?.()
  }

  async #round(): Promise<void> {
    await this.#trim()
    if (!this.#closed) this.#cancel = this.#options.clock.setTimer(() => void this.#round(), keptOutputLimits.checkMs)
  }

  async #trim(): Promise<void> {
    try {
      await this.#kept.trim()
    } catch (error) {
      const { logger, outputDir } = this.#options
      logger.warn(`The output in ${outputDir} could not be trimmed; trying again.`, { error: (error as Error).message })
    }
  }
}
