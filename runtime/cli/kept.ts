/** What the flags `--keep-…` say: how much of what has ended is kept. */
import type { OutputRetention, Retention } from '../options.ts'
import { parseDuration } from './duration.ts'
import { parseSize } from './size.ts'

/** Ten years: who needs more means for ever. */
const keptMsMax = 3_650 * 86_400_000
const forever = 'forever'

/** Without the fields that were not said; nothing if none was. */
function said<T extends object>(fields: { [K in keyof T]: T[K] | undefined }): Partial<T> | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Partial<T>)
}

/** Milliseconds; 0 keeps nothing. Throws RangeError. */
export const parseKeptTime = (text: string): number =>
  text.trim() === forever ? Number.POSITIVE_INFINITY : orForever(text, () => parseDuration(text, keptMsMax))

/** 0 keeps none. Throws RangeError. */
export function parseKeptNumber(text: string): number {
  const trimmed = text.trim()
  if (trimmed === forever) return Number.POSITIVE_INFINITY
  if (/^\d{1,15}$/.test(trimmed)) return Number(trimmed)
  throw new RangeError(`"${text}" is no number of what is kept; write for example 1000, 0 for none, or ${forever}`)
}

/** Bytes; 0 keeps nothing. Throws RangeError. */
export function parseKeptSize(text: string): number {
  const trimmed = text.trim()
  if (trimmed === forever) return Number.POSITIVE_INFINITY
  return trimmed === '0' ? 0 : orForever(text, () => parseSize(text))
}

function orForever(text: string, parse: () => number): number {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new RangeError(text.trim() === '' ? error.message : `${error.message}; or write ${forever}`)
  }
}

interface KeptFlags {
  readonly keepFinished?: number
  readonly keepFinishedMax?: number
  readonly keepLog?: number
  readonly keepLogSize?: number
}

/** Of a manager. */
export function retentionOf(flags: KeptFlags): { retention?: Partial<Retention> } {
  const { keepFinished, keepFinishedMax, keepLog, keepLogSize } = flags
  const fields = { finishedMs: keepFinished, finishedMax: keepFinishedMax, logMs: keepLog, logBytes: keepLogSize }
  const retention = said<Retention>(fields)
  return retention === undefined ? {} : { retention }
}

interface KeptOutputFlags {
  readonly keepOutput?: number
  readonly keepOutputMax?: number
  readonly keepOutputSize?: number
}

/** Of a worker. */
export function outputRetentionOf(flags: KeptOutputFlags): { outputRetention?: Partial<OutputRetention> } {
  const { keepOutput, keepOutputMax, keepOutputSize } = flags
  const fields = { ageMs: keepOutput, attemptsMax: keepOutputMax, bytesMax: keepOutputSize }
  const outputRetention = said<OutputRetention>(fields)
  return outputRetention === undefined ? {} : { outputRetention }
}
