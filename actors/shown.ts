/** Makes of any value plain data that can be shown: bounded in bytes and depth, without secrets. */

export const shownLimits = {
  /** Lists and maps within each other; a frame takes 32, with what is around it. */
  depthMax: 8,
} as const

/** What stands for a secret. */
export const mask = '***'
/** Maps whose values may be secrets; their names are not. */
const maskedMaps = new Set(['env', 'secretEnv', 'environment'])
const maskedFields = new Set(['token', 'password', 'secret', 'authorization'])

/** A value as it is shown. */
export interface Shown {
  readonly value: unknown
  /** As JSON, roughly. */
  readonly bytes: number
  /** Something was left out. */
  readonly cut: boolean
}

interface Budget {
  left: number
  cut: boolean
}

/** Never throws, whatever it is given. */
export function shown(value: unknown, bytesMax: number): Shown {
  const budget: Budget = { left: bytesMax, cut: false }
  const plain = render(value, 0, budget)
  return { value: plain, bytes: bytesMax - budget.left, cut: budget.cut }
}

function render(value: unknown, depth: number, budget: Budget): unknown {
  if (typeof value === 'string') return text(value, budget)
  budget.left -= 6
  if (value === null || typeof value === 'boolean') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value)
  if (typeof value === 'bigint') return text(String(value), budget)
  if (value instanceof Error) return text(value.message, budget)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  if (typeof value !== 'object') return null
  if (depth >= shownLimits.depthMax) {
    budget.cut = true
    return '…'
  }
  return Array.isArray(value) ? list(value, depth, budget) : map(value, depth, budget)
}

function text(value: string, budget: Budget): string {
  const room = Math.max(0, budget.left - 2)
  budget.left -= Math.min(value.length, room) + 3
  if (value.length <= room) return value
  budget.cut = true
  // Half of a character is none.
  const end = (value.charCodeAt(room - 1) & 0xfc00) === 0xd800 ? room - 1 : room
  return `${value.slice(0, Math.max(0, end))}…`
}

function list(values: readonly unknown[], depth: number, budget: Budget): unknown[] {
  const all: unknown[] = []
  for (const value of values) {
    if (isSpent(budget)) break
    all.push(render(value, depth + 1, budget))
  }
  return all
}

function map(value: object, depth: number, budget: Budget): Record<string, unknown> {
  // No frame takes a field of that name.
  const fields = Object.entries(value).filter(
    ([name, field]) => field !== undefined && typeof field !== 'function' && name !== '__proto__',
  )
  const made = new Map<string, unknown>()
  // What is small first: a large map in front must not hide where a task stands.
  for (const isSmall of [true, false]) {
    for (const [name, field] of fields) {
      if ((typeof field !== 'object' || field === null) !== isSmall) continue
      if (isSpent(budget)) break
      budget.left -= name.length + 4
      made.set(name, shownField(name, field, depth, budget))
    }
  }
  return Object.fromEntries(fields.filter(([name]) => made.has(name)).map(([name]) => [name, made.get(name)]))
}

function shownField(name: string, field: unknown, depth: number, budget: Budget): unknown {
  if (maskedFields.has(name)) return mask
  const isMasked = maskedMaps.has(name) && typeof field === 'object' && field !== null
  return isMasked ? masked(field, budget) : render(field, depth + 1, budget)
}

function masked(value: object, budget: Budget): Record<string, string> {
  const all: Record<string, string> = {}
  for (const name of Object.keys(value)) {
    if (isSpent(budget)) break
    budget.left -= name.length + mask.length + 6
    if (name !== '__proto__') all[name] = mask
  }
  return all
}

function isSpent(budget: Budget): boolean {
  if (budget.left > 0) return false
  budget.cut = true
  return true
}
