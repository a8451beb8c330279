/** Ports, wishes about the node and files as the form takes them: one a line, each as the command line takes it. */
import { parseAffinity } from '../../../actors/affinity-text.ts'
import type { Affinity, Mount, TaskSpec, Tmpfs } from '../../../actors/model.ts'
import { parsePortMapping } from '../../../actors/port-text.ts'
import type { Port } from '../../../actors/ports.ts'
import { parseConstraint } from '../../../actors/schedulers/filters.ts'
import { readSize } from './duration-text.ts'

/** How one line of a field is read; throws RangeError with a sentence. */
type ReadLine<T> = (line: string) => T

/** What was read of a field, and what is wrong with the first line that is none. */
export interface ReadLines<T> {
  readonly items: readonly T[]
  readonly fault: string | undefined
}

export function readLines<T>(text: string, read: ReadLine<T>): ReadLines<T> {
  const items: T[] = []
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    try {
      items.push(read(line.trim()))
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return { items, fault: `${error.message}.` }
    }
  }
  return { items, fault: undefined }
}

export const readPort: ReadLine<Port> = parsePortMapping
export const readAffinity: ReadLine<Affinity> = parseAffinity

export function readConstraint(line: string): string {
  if (parseConstraint(line) === undefined) {
    throw new RangeError(`"${line}" is no constraint; write LABEL=VALUE or LABEL!=VALUE`)
  }
  return line
}

/** `SOURCE:TARGET[:ro|:rw]`. A page has no folder that a relative source could be below. */
export function readMount(line: string): Mount {
  const [, source, target, mode] = /^(\/[^:]*):(\/[^:]*)(?::(ro|rw))?$/.exec(line) ?? []
  if (source === undefined || target === undefined) {
    throw new RangeError(`"${line}" is no mount; write SOURCE:TARGET or SOURCE:TARGET:ro, both absolute`)
  }
  return { source, target, ...(mode === 'ro' ? { readOnly: true } : {}) }
}

/** `TARGET[:size=SIZE]`. */
export function readTmpfs(line: string): Tmpfs {
  const [, target, size] = /^(\/[^:]*)(?::size=([^:,]+))?$/.exec(line) ?? []
  const sizeBytes = size === undefined ? undefined : readSize(size)
  if (target === undefined || (size !== undefined && sizeBytes === undefined)) {
    throw new RangeError(`"${line}" is no tmpfs; write TARGET or TARGET:size=64m, with an absolute TARGET`)
  }
  return { target, ...(sizeBytes === undefined ? {} : { sizeBytes }) }
}

/** A secret variable as it is typed. It lives no longer than the dialog. */
export interface SecretRow {
  readonly name: string
  readonly value: string
}

/** Secrets by their names; no sentence shows a value. */
export function readSecrets(rows: readonly SecretRow[]): {
  readonly secretEnv: Readonly<Record<string, string>>
  readonly fault: string | undefined
} {
  const given = rows.filter(({ name, value }) => name.trim() !== '' || value !== '')
  const names = given.map(({ name }) => name.trim())
  const twice = names.find((name, at) => name !== '' && names.indexOf(name) !== at)
  const empty = given.find(({ value }) => value === '')?.name.trim()
  const fault = names.includes('')
    ? 'A secret has a value and no name: write its name beside it.'
    : empty !== undefined
      ? `The secret ${empty} has no value: write it, or take its name away.`
      : twice === undefined
        ? undefined
        : `The secret ${twice} stands here twice: keep one of them.`
  return { secretEnv: Object.fromEntries(given.map(({ name, value }) => [name.trim(), value])), fault }
}

/** With the secrets of the form among those that the specification has. */
export const withSecretRows = (spec: TaskSpec, secretEnv: Readonly<Record<string, string>>): TaskSpec =>
  Object.keys(secretEnv).length === 0 ? spec : { ...spec, secretEnv: { ...spec.secretEnv, ...secretEnv } }
