/** What is typed into the form to run a task, as its specification, with what is wrong beside the field that it is of. */
import type { TaskSpec } from '../../../actors/model.ts'
import { checkSpec } from '../../../actors/policies.ts'
import { splitCommand } from './command-words.ts'
import { readSize } from './duration-text.ts'
import { readAffinity, readConstraint, readLines, readMount, readPort, readTmpfs } from './run-asks.ts'

export const runFields = [
  'driver',
  'image',
  'command',
  'name',
  'env',
  'labels',
  'cpus',
  'memory',
  'restart',
  'maxRestarts',
  'ports',
  'constraints',
  'affinities',
  'mounts',
  'tmpfs',
  'readOnly',
] as const
export type RunField = (typeof runFields)[number]
/** What is typed. Secrets are no part of it, for it is kept as long as the page is open. `readOnly` is `yes` or ''. */
export type RunForm = Readonly<Record<RunField, string>>
export type FormFaults = Partial<Record<RunField | 'secrets', string>>

export const emptyForm: RunForm = {
  ...{ driver: 'process', image: '', command: '', name: '', env: '', labels: '', cpus: '', memory: '' },
  ...{ restart: 'never', maxRestarts: '', ports: '', constraints: '', affinities: '' },
  ...{ mounts: '', tmpfs: '', readOnly: '' },
}

/** What of the form a fault of the manager is about, by the name of the spec's field. */
export const formFieldOf: Readonly<Record<string, keyof FormFaults>> = {
  ...{ driver: 'driver', image: 'image', command: 'command', name: 'name', env: 'env', labels: 'labels' },
  ...{ cpus: 'cpus', memoryBytes: 'memory', restart: 'restart', ports: 'ports', constraints: 'constraints' },
  ...{ affinities: 'affinities', mounts: 'mounts', tmpfs: 'tmpfs', readOnly: 'readOnly', secretEnv: 'secrets' },
}

/** Without these a specification has another fault. */
const needed = ['driver', 'image', 'command']

/**
 * What the manager would say of a specification, by the very check that it makes, and at which field: the first without
 * which it would say something else.
 */
export function faultOfSpec(spec: TaskSpec): { readonly text: string; readonly field?: keyof FormFaults } | undefined {
  const text = checkSpec(spec)
  if (text === undefined) return undefined
  const name = Object.keys(spec).find((each) => {
    if (needed.includes(each)) return false
    const { [each as keyof TaskSpec]: _left, ...rest } = spec
    return checkSpec(rest as TaskSpec) !== text
  })
  const field = formFieldOf[name ?? '']
  return field === undefined ? { text } : { text, field }
}

export interface ReadForm {
  readonly spec: TaskSpec
  readonly faults: FormFaults
}

export function readForm(form: RunForm): ReadForm {
  const faults: FormFaults = {}
  const isDocker = form.driver === 'docker'
  const command = splitCommand(form.command)
  if (command.fault !== undefined) faults.command = command.fault
  else if (!isDocker && command.words.length === 0) faults.command = 'Say what should run.'
  const image = form.image.trim()
  if (form.driver.trim() === '') faults.driver = 'Choose what runs it.'
  if (isDocker && image === '') faults.image = 'Name an image, such as alpine.'
  const env = readPairs(form.env, (fault) => {
    faults.env = fault
  })
  const labels = readPairs(form.labels, (fault) => {
    faults.labels = fault
  })
  const cpus = form.cpus.trim() === '' ? undefined : Number(form.cpus)
  if (cpus !== undefined && !(cpus > 0)) faults.cpus = 'Write cores as a number, such as 0.5.'
  const memoryBytes = form.memory.trim() === '' ? undefined : readSize(form.memory)
  if (form.memory.trim() !== '' && memoryBytes === undefined) faults.memory = 'Write for example 64m, 1g or 512MiB.'
  const name = form.name.trim()
  const spec = {
    driver: form.driver.trim(),
    ...(isDocker && image !== '' ? { image } : {}),
    ...(command.words.length > 0 ? { command: [...command.words] } : {}),
    ...(name === '' ? {} : { name }),
    ...(Object.keys(env).length === 0 ? {} : { env }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    ...readRestart(form, faults),
    ...readAsks(form, faults),
  }
  return { spec, faults }
}

/** Each field that holds a line, as the field of the spec. */
function readAsks(form: RunForm, faults: FormFaults): Partial<TaskSpec> {
  const list = <T>(field: 'ports' | 'constraints' | 'affinities' | 'mounts' | 'tmpfs', read: (line: string) => T) => {
    const { items, fault } = readLines(form[field], read)
    if (fault !== undefined) faults[field] = fault
    return items.length === 0 ? {} : { [field]: items }
  }
  return {
    ...list('ports', readPort),
    ...list('constraints', readConstraint),
    ...list('affinities', readAffinity),
    ...(form.driver === 'docker' ? { ...list('mounts', readMount), ...list('tmpfs', readTmpfs) } : {}),
    ...(form.driver === 'docker' && form.readOnly !== '' ? { readOnly: true } : {}),
  }
}

function readRestart({ restart, maxRestarts }: RunForm, faults: FormFaults): Pick<TaskSpec, 'restart'> {
  if (restart !== 'on-failure' && restart !== 'always') return {}
  const text = maxRestarts.trim()
  if (text !== '' && !/^\d{1,7}$/.test(text)) {
    faults.maxRestarts = 'Write a whole number, or nothing for no limit.'
    return { restart: { policy: restart } }
  }
  return { restart: { policy: restart, ...(text === '' ? {} : { max: Number(text) }) } }
}

/** One `NAME=value` a line. */
function readPairs(text: string, fail: (fault: string) => void): Record<string, string> {
  const pairs: Record<string, string> = {}
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue
    const at = line.indexOf('=')
    const name = line.slice(0, Math.max(0, at)).trim()
    if (name === '') fail(`“${line.trim()}” has no name; write one NAME=value a line.`)
    else pairs[name] = line.slice(at + 1)
  }
  return pairs
}

export type ReadJson = { readonly spec: TaskSpec; readonly fault?: undefined } | { readonly fault: string }

/** Any specification as JSON, also those that the form has no fields for. */
export function readJson(text: string): ReadJson {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    return { fault: `This is no JSON: ${error instanceof Error ? error.message : String(error)}.` }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { fault: 'A specification is an object: { "driver": … }.' }
  }
  return { spec: value as TaskSpec }
}
