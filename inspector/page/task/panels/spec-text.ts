/** A specification as text that can be copied: JSON, or YAML as task files have it. */

type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain }

/** Plain data as YAML of the block kind. What it gives, a reader of YAML reads as the same data. */
export function yamlOf(value: unknown): string {
  return `${block(value as Plain, 0)}\n`
}

function block(value: Plain, depth: number): string {
  const pad = '  '.repeat(depth)
  if (isList(value)) {
    if (value.every(isScalar)) return `[${value.map(scalar).join(', ')}]`
    return value.map((item) => `${pad}- ${block(item, depth + 1).trimStart()}`).join('\n')
  }
  if (isScalar(value)) return scalar(value)
  const entries = Object.entries(value).filter(([, item]) => item !== undefined)
  if (entries.length === 0) return '{}'
  return entries.map(([name, item]) => `${pad}${key(name)}:${below(item, depth)}`).join('\n')
}

function below(item: Plain, depth: number): string {
  const text = block(item, depth + 1)
  const isInline = isScalar(item) || text === '{}' || text.startsWith('[')
  return isInline ? ` ${text}` : `\n${text}`
}

const isList = (value: Plain): value is readonly Plain[] => Array.isArray(value)
const isScalar = (value: Plain): value is null | boolean | number | string =>
  value === null || typeof value !== 'object'

const key = (name: string) => (/^[A-Za-z_][\w-]*$/.test(name) && !isWord(name) ? name : JSON.stringify(name))

/** Words that YAML, of one age or another, takes for something else than text. */
const isWord = (text: string) => /^(true|false|yes|no|on|off|null|y|n|~)$/i.test(text)

function scalar(value: null | boolean | number | string): string {
  if (typeof value !== 'string') return String(value)
  const isPlain = /^[A-Za-z/_][\w./@+-]*(:[\w./@+-]+)*$/.test(value) && !isWord(value)
  // A string of JSON is one of YAML.
  return isPlain ? value : JSON.stringify(value)
}
