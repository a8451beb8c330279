/**
 * What this worker's machine uses, for its heartbeats: read now and then, and told when it has changed notably. Without a
 * gauge there is nothing to tell.
 */
import { Check } from 'typebox/value'
import { NodeUsage } from '../../actors/usage.ts'
import type { Clock } from '../clock.ts'
import type { Gauge, MachineReading } from '../gauge/gauge.ts'
import type { Logger } from '../logger.ts'

export const usageLimits = {
  /** Between two readings, at least, in milliseconds. */
  readMs: 5_000,
  /** What was told so long ago is told again, however little has changed, in milliseconds. */
  repeatMs: 60_000,
} as const

/** From where on a change is worth a word. */
const notable = { cpus: 0.05, memoryPart: 0.02, load1: 0.2, diskPart: 0.01 } as const

export interface UsageOptions {
  readonly gauge: Gauge | undefined
  readonly clock: Clock
  readonly logger: Logger
}

interface Read {
  readonly reading: MachineReading
  readonly atMs: number
}

export class Usage {
  readonly #options: UsageOptions
  #last: Read | undefined
  #newest: NodeUsage | undefined
  #told: { readonly usage: NodeUsage; readonly atMs: number } | undefined
  #readMs = Number.NEGATIVE_INFINITY
  /** One reading at a time: of a disk that does not answer, each would hold a thread that the store needs. */
  #isReading = false

  constructor(options: UsageOptions) {
    this.#options = options
  }

  /** A new session has heard nothing yet. */
  begin(): void {
    this.#told = undefined
  }

  /** What the heartbeat that is sent now says besides. */
  next(): { used?: NodeUsage } {
    const { gauge, clock } = this.#options
    if (gauge === undefined) return {}
    const nowMs = clock.uptimeMs()
    if (!this.#isReading && nowMs - this.#readMs >= usageLimits.readMs) {
      this.#readMs = nowMs
      void this.#read(gauge)
    }
    const usage = this.#newest
    if (usage === undefined || usage === this.#told?.usage) return {}
    const isNews =
      this.#told === undefined ||
      nowMs - this.#told.atMs >= usageLimits.repeatMs ||
      differsNotably(usage, this.#told.usage)
    if (!isNews) return {}
    this.#told = { usage, atMs: nowMs }
    return { used: usage }
  }

  async #read(gauge: Gauge): Promise<void> {
    const { clock, logger } = this.#options
    this.#isReading = true
    try {
      const reading = await gauge.read()
      const read = { reading, atMs: clock.uptimeMs() }
      const before = this.#last
      this.#last = read
      // One reading says nothing of a rate: the next one comes with the next heartbeat.
      if (before === undefined) this.#readMs = Number.NEGATIVE_INFINITY
      else {
        const usage = usageBetween(before, read)
        // It would cost the session: the manager takes only what keeps to the schema.
        if (usage !== undefined && Check(NodeUsage, usage)) this.#newest = usage
      }
    } catch (error) {
      logger.debug('what this machine uses could not be read', { reason: (error as Error).message })
    } finally {
      this.#isReading = false
    }
  }
}

/** Undefined if no time lies between them. */
export function usageBetween(before: Read, { reading, atMs }: Read): NodeUsage | undefined {
  const spanMs = atMs - before.atMs
  if (spanMs <= 0) return undefined
  const { cpuBusyMs, memoryBytes, load1, diskFreeBytes, diskTotalBytes } = reading
  const hundredths = (amount: number): number => Math.round(Math.max(0, amount) * 100) / 100
  return {
    cpus: hundredths((cpuBusyMs - before.reading.cpuBusyMs) / spanMs),
    memoryBytes: Math.round(memoryBytes),
    load1: hundredths(load1),
    ...(diskFreeBytes === undefined ? {} : { diskFreeBytes: Math.round(diskFreeBytes) }),
    ...(diskTotalBytes === undefined ? {} : { diskTotalBytes: Math.round(diskTotalBytes) }),
  }
}

function differsNotably(a: NodeUsage, b: NodeUsage): boolean {
  const part = (x = 0, y = 0, whole = Math.max(x, y)): number => (whole > 0 ? Math.abs(x - y) / whole : 0)
  return (
    Math.abs(a.cpus - b.cpus) >= notable.cpus ||
    part(a.memoryBytes, b.memoryBytes) >= notable.memoryPart ||
    Math.abs(a.load1 - b.load1) >= notable.load1 ||
    part(a.diskFreeBytes, b.diskFreeBytes, a.diskTotalBytes) >= notable.diskPart
  )
}
