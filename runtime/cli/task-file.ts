/**
 * A task in a file, YAML or JSON: the fields of a spec, and for people `memory: 512MiB`, `timeout: 10m` and the like
 * in place of bytes and milliseconds. What is wrong is said with the file and the line.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { parseAffinity } from '../../actors/affinity-text.ts'
import { HealthCheck } from '../../actors/health.ts'
import { Affinity, DisconnectPolicy, Mount, RestartPolicy, type TaskSpec, Tmpfs } from '../../actors/model.ts'
import { parsePortMapping } from '../../actors/port-text.ts'
import { Port } from '../../actors/ports.ts'
import { parseDuration } from './duration.ts'
import { UsageError } from './failure.ts'
import { absoluteSource, parseMount, parseTmpfs } from './mount.ts'
import { parseSize } from './size.ts'
import { findFault, specFields } from './spec-check.ts'
import { closestWord } from './suggest.ts'
import { parseTaskId } from './task-id.ts'

export interface TaskFile {
  readonly spec: TaskSpec
  /** The id the file asks for. */
  readonly id: string | undefined
}

type Path = readonly (string | number)[]
type Fields = Record<string, unknown>
/** A friendlier name of a field, and how its text becomes the field's value. */
type Alias = readonly [field: string, parse: (text: string) => unknown]

interface Level {
  readonly fields: readonly string[]
  readonly aliases: Readonly<Record<string, Alias>>
}

const duration = (field: string): Alias => [field, parseDuration]

const levels = {
  task: {
    fields: [...specFields.filter((field) => field !== 'rerunOf'), 'id'],
    aliases: {
      memory: ['memoryBytes', parseSize],
      timeout: duration('timeoutMs'),
      waitTimeout: duration('waitTimeoutMs'),
      stopTimeout: duration('stopGraceMs'),
    },
  },
  restart: {
    fields: Object.keys(RestartPolicy.properties),
    aliases: { backOff: duration('backOffMs'), backOffMax: duration('backOffMaxMs'), window: duration('windowMs') },
  },
  disconnect: {
    fields: Object.keys(DisconnectPolicy.properties),
    aliases: { lostAfter: duration('lostAfterMs'), stopAfter: duration('stopAfterMs') },
  },
  health: {
    fields: Object.keys(HealthCheck.properties),
    aliases: {
      interval: duration('intervalMs'),
      timeout: duration('timeoutMs'),
      startPeriod: duration('startPeriodMs'),
    },
  },
  mount: { fields: Object.keys(Mount.properties), aliases: {} },
  tmpfs: { fields: Object.keys(Tmpfs.properties), aliases: { size: ['sizeBytes', parseSize] } },
  port: { fields: Object.keys(Port.properties), aliases: {} },
  affinity: { fields: Object.keys(Affinity.properties), aliases: {} },
} satisfies Record<string, Level>

/**
 * Throws UsageError `FILE:LINE: sentence`. `folder`, absolute, is where the file is: what sources of mounts are relative to.
 */
export function parseTaskFile(text: string, file: string, folder = '/'): TaskFile {
  const source = openSource(text, file)
  const task = readLevel(source, levels.task, source.value, [])
  const { id, ...spec } = task.fields
  spec.driver ??= 'docker'
  nest(source, spec, task.origins, folder)
  const fault = findFault(spec)
  if (fault) {
    const path = fault.path.map((name, depth) => (depth === 0 ? (task.origins.get(name) ?? name) : name))
    const where = path.length === 0 ? 'the task' : `"${namesOf(path).join('.')}"`
    throw source.fault(path, `${where} ${fault.message}`)
  }
  return { spec: spec as TaskSpec, id: id === undefined ? undefined : readId(source, id) }
}

/** As they are shown. Of a variable that is written without a space behind its colon the value is a part of its name. */
const namesOf = ([field = '', name, ...rest]: readonly string[]): string[] => {
  if (name === undefined) return [field]
  const isVariable = field === 'env' || field === 'secretEnv'
  return [field, isVariable ? name.replace(/[^\w.-].*$/s, '…') : name, ...rest]
}

function nest(source: Source, spec: Fields, origins: Map<string, string>, folder: string): void {
  if (typeof spec.restart === 'string') spec.restart = { policy: spec.restart }
  for (const name of ['restart', 'disconnect', 'health'] as const) {
    if (!isFields(spec[name])) continue
    const level = readLevel(source, levels[name], spec[name], [name])
    spec[name] = level.fields
    // One level down only these have names of their own, and theirs differ from those above.
    for (const [field, written] of level.origins) origins.set(`${name}.${field}`, written)
  }
  readItems(source, spec, 'mounts', levels.mount, (text) => parseMount(text, folder))
  if (Array.isArray(spec.mounts)) {
    spec.mounts = spec.mounts.map((mount: unknown, index) =>
      isFields(mount) && typeof mount.source === 'string'
        ? {
            ...mount,
            source: source.convert(['mounts', index, 'source'], (text) => absoluteSource(text, folder), mount.source),
          }
        : mount,
    )
  }
  readItems(source, spec, 'tmpfs', levels.tmpfs, parseTmpfs)
  readItems(source, spec, 'ports', levels.port, parsePortMapping)
  readItems(source, spec, 'affinities', levels.affinity, parseAffinity)
}

/** A list whose items are maps, or texts as a flag takes them. */
function readItems(source: Source, spec: Fields, name: string, level: Level, parse: (text: string) => unknown): void {
  const items = spec[name]
  if (!Array.isArray(items)) return
  spec[name] = items.map((item: unknown, index) => {
    // A port alone is a number to YAML.
    const text = name === 'ports' && typeof item === 'number' ? String(item) : item
    if (typeof text === 'string') return source.convert([name, index], parse, text)
    return isFields(item) ? readLevel(source, level, item, [name, index]).fields : item
  })
}

function readId(source: Source, id: unknown): string {
  if (typeof id !== 'string')
    throw source.fault(['id'], '"id" must be text; put it in quotes if it looks like a number')
  return source.convert(['id'], parseTaskId, id)
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The fields of one map under their own names, and under which name each was written. */
function readLevel(
  source: Source,
  level: Level,
  value: Fields,
  at: Path,
): { fields: Fields; origins: Map<string, string> } {
  const fields: Fields = {}
  const origins = new Map<string, string>()
  const known = [...level.fields, ...Object.keys(level.aliases)]
  for (const [name, given] of Object.entries(value)) {
    const path = [...at, name]
    if (!known.includes(name)) {
      const near = closestWord(name, known)
      throw source.fault(
        path,
        `there is no field "${name}"${near ? `; did you mean "${near}"?` : `; there are ${known.join(', ')}`}`,
      )
    }
    const alias = Object.hasOwn(level.aliases, name) ? level.aliases[name] : undefined
    const field = alias?.[0] ?? name
    if (origins.has(field))
      throw source.fault(path, `"${name}" and "${origins.get(field)}" say the same; keep one of them`)
    origins.set(field, name)
    // An empty value in YAML is null: as if it were not there would hide a slip.
    if (given === null) throw source.fault(path, `"${name}" has no value`)
    fields[field] = alias ? source.convert(path, alias[1], given) : given
  }
  return { fields, origins }
}

interface Source {
  readonly value: Fields
  fault(path: Path, sentence: string): UsageError
  convert<T>(path: Path, parse: (text: string) => T, value: unknown): T
}

function openSource(text: string, file: string): Source {
  const lines = new LineCounter()
  // Its own check for keys that come twice takes time by the square of their number, and its warnings quote the file.
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: false, logLevel: 'error' })
  const at = (line: number, sentence: string) =>
    new UsageError(`${file}:${line}: ${sentence}.`.replace(/([.?])\.$/, '$1'))
  const broken = document.errors[0] ?? document.warnings[0]
  if (broken?.code === 'MULTIPLE_DOCS')
    throw at(broken.linePos?.[0].line ?? 1, 'a second document begins; a file holds one task, so make it two files')
  // Behind a colon stands what was read, which may be a secret.
  if (broken) throw at(broken.linePos?.[0].line ?? 1, broken.message.split(/ at line \d|\n|: /)[0] ?? 'it is no YAML')
  const odd = oddKey(document.contents)
  if (odd !== undefined) throw at(lines.linePos(odd.offset).line, odd.sentence)
  const fault = (path: Path, sentence: string) => {
    const offset = offsetOf(document, path)
    return at(offset === undefined ? 1 : lines.linePos(offset).line, sentence)
  }
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: 100 })
  } catch (error) {
    throw at(1, (error as Error).message.split(': ')[0] ?? 'it is no YAML')
  }
  if (!isFields(value))
    throw at(1, value == null ? 'the file is empty; it should hold the fields of a task' : 'a task is a map of fields')
  return {
    value,
    fault,
    convert(path, parse, given) {
      const name = path.join('.')
      if (typeof given !== 'string') throw fault(path, `"${name}" must be text with a unit, such as 10s or 64m`)
      try {
        return parse(given)
      } catch (error) {
        if (error instanceof RangeError) throw fault(path, `"${name}": ${error.message}`)
        throw error
      }
    },
  }
}

/** The first key that its map has already, or that is no text. */
function oddKey(root: unknown): { readonly offset: number; readonly sentence: string } | undefined {
  const waiting = [root]
  while (waiting.length > 0) {
    const node = waiting.pop()
    if (isSeq(node)) for (const item of node.items.toReversed()) waiting.push(item)
    if (!isMap(node)) continue
    const known = new Set<unknown>()
    for (const { key } of node.items) {
      const offset = (key as Node | null)?.range?.[0] ?? 0
      if (!isScalar(key)) return { offset, sentence: 'A key must be text' }
      const name = String(key.value)
      // A merge may come twice.
      if (known.has(name) && name !== '<<') return { offset, sentence: 'Map keys must be unique' }
      known.add(name)
    }
    for (const { value } of node.items.toReversed()) waiting.push(value)
  }
  return undefined
}

// The place of the key, or of the item of a list; of what holds it, where there is no such thing.
function offsetOf(document: ReturnType<typeof parseDocument>, path: Path): number | undefined {
  let node = document.contents as Node | null | undefined
  let offset = node?.range?.[0]
  for (const name of path) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => (isScalar(key) ? String(key.value) : undefined) === String(name))
      if (!pair) return offset
      offset = (pair.key as Node).range?.[0] ?? offset
      node = pair.value as Node | null
    } else if (isSeq(node)) {
      node = node.items[Number(name)] as Node | undefined
      offset = node?.range?.[0] ?? offset
    } else return offset
  }
  return offset
}
