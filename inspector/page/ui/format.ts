/** Amounts and times as people read them. Pure; the page's own clock is in `now.ts`. */

const bytesPerStep = 1_024
const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** `64 MiB`, `1.5 GiB`: three digits at most, in steps of 1,024. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '–'
  let amount = Math.abs(bytes)
  let unit = 0
  while (rounded(amount) >= bytesPerStep && unit < byteUnits.length - 1) {
    amount /= bytesPerStep
    unit += 1
  }
  return `${bytes < 0 ? '-' : ''}${rounded(amount)} ${byteUnits[unit]}`
}

/** `0.5`, `4`, `12.25` cores: without zeros at the end. */
export const formatCpus = (cpus: number): string => String(Number(cpus.toFixed(2)))

/** `1,234`: the same everywhere, so that a picture of the page means the same everywhere. */
export const formatCount = (count: number): string => count.toLocaleString('en-US')

/** `12 %`, of a share from 0 to 1. */
export const formatShare = (share: number): string => (Number.isFinite(share) ? `${Math.round(share * 100)} %` : '–')

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const day = 24 * hour

/** A span of time in its two greatest units: `340 ms`, `4.2 s`, `3 m 05 s`, `2 h 04 m`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return '–'
  if (ms < 0) return `-${formatDuration(-ms)}`
  if (ms < 999.5) return `${Math.round(ms)} ms`
  if (ms < 9_950) return `${(ms / second).toFixed(1)} s`
  return formatWhole(Math.round(ms / second) * second)
}

/** How old something is: as a duration, but in whole seconds, for it changes while one looks. */
export const formatAge = (ms: number): string => formatWhole(Math.floor(Math.max(0, ms) / second) * second)

/** `now`, `12 s ago`. */
export const formatAgo = (ms: number): string => (ms < second ? 'now' : `${formatAge(ms)} ago`)

function formatWhole(ms: number): string {
  if (ms < minute) return `${ms / second} s`
  if (ms < hour) return `${Math.floor(ms / minute)} m ${two(Math.floor((ms % minute) / second))} s`
  if (ms < day) return `${Math.floor(ms / hour)} h ${two(Math.floor((ms % hour) / minute))} m`
  return `${Math.floor(ms / day)} d ${Math.floor((ms % day) / hour)} h`
}

/** `14:03:09.041` where the reader is; without milliseconds if not `fine`. */
export function formatClock(atMs: number, { fine = false } = {}): string {
  const date = new Date(atMs)
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  return fine ? `${clock}.${String(date.getMilliseconds()).padStart(3, '0')}` : clock
}

/** `2026-11-23 14:03:09.041` where the reader is. */
export function formatMoment(atMs: number): string {
  const date = new Date(atMs)
  const year = String(date.getFullYear()).padStart(4, '0')
  return `${year}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${formatClock(atMs, { fine: true })}`
}

/** `sh -c 'sleep 5; echo done'`: as one would type it. */
export const formatCommand = (command: readonly string[]): string => command.map(quoted).join(' ')

/** `BackingOff` as `backing off`: the names of nested states as words. */
export const wordsOf = (name: string): string => name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, ' ').toLowerCase()

/** `1 task`, `2 tasks`. */
export const plural = (count: number, noun: string, nouns = `${noun}s`): string =>
  `${formatCount(count)} ${count === 1 ? noun : nouns}`

const two = (value: number) => String(value).padStart(2, '0')
const rounded = (amount: number) => Number(amount >= 100 ? amount.toFixed(0) : amount.toPrecision(3))
const quoted = (word: string) =>
  word !== '' && /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
