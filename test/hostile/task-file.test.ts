/** Any file at all: a task that can be run, or one sentence with the file and the line. It never quotes a variable's value. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { TaskSpec } from '../../actors/model.ts'
import { UsageError } from '../../runtime/cli/failure.ts'
import { findFault } from '../../runtime/cli/spec-check.ts'
import { parseTaskFile } from '../../runtime/cli/task-file.ts'
import { textFileLimits } from '../../runtime/cli/text-file.ts'
import { cli } from '../runtime/cli-rig.ts'
import { Dice } from './dice.ts'
import { mutations } from './mutations.ts'
import { chance, fitting, keywordsOf, type Path, placesOf, turns } from './schema.ts'

const secret = 's3cr3t'
/** The longest that one file may take, in milliseconds; most take less than one. */
const msMax = 15_000

/** Throws unless a file is dealt with as promised. */
function read(text: string): 'a task' | 'a sentence' {
  const begun = performance.now()
  try {
    const { spec } = parseTaskFile(text, 'task.yaml', '/work')
    expect(findFault(spec as unknown as Record<string, unknown>)).toBeUndefined()
    return 'a task'
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    expect(error.message).toMatch(/^task\.yaml:[1-9]\d*: \S/)
    expect(error.message).not.toContain(secret)
    expect(error.message.length).toBeLessThan(2_000)
    expect(error.message.trim().split('\n')).toHaveLength(1)
    return 'a sentence'
  } finally {
    expect(performance.now() - begun).toBeLessThan(msMax)
  }
}

const good = `name: nightly
image: busybox:1
command: [sh, -c, 'echo $A']
env:
  A: ${secret}-1
  B: "${secret}-2"
secretEnv: {TOKEN: ${secret}-3}
labels: {team: x}
memory: 64m
timeout: 10m
mounts: ["/a:/b:ro", {source: /c, target: /d}]
ports: [8080:80, 81]
restart: {policy: on-failure, max: 3, backOff: 1s}
health: {kind: http, port: 80, path: /up}
`

/** What means something to a reader of YAML. */
const tokens = [
  ...[
    '&a ',
    '*a',
    '!!js/function ',
    '!!binary ',
    '!',
    '<<: *a',
    '? ',
    ': ',
    '- ',
    '{',
    '}',
    '[',
    ']',
    '"',
    "'",
    '|',
    '>',
  ],
  ...[
    '%YAML 1.1\n',
    '---\n',
    '...\n',
    '#',
    '\t',
    '\0',
    '\ufeff',
    '\u2028',
    '@',
    '`',
    '~',
    'null',
    '.nan',
    '.inf',
    '0x10',
  ],
  ...[
    '1e999',
    '__proto__: {a: 1}\n',
    'constructor: 1\n',
    '{{',
    '[[[[',
    '\\',
    '\r',
    '\ud800',
    '\u001b[2J',
    ', ,',
    '=',
    '1:2:3',
  ],
]

test('the file that all this begins with is a task', () => expect(read(good)).toBe('a task'))

test('any JSON and any text', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.json(), fc.string({ unit: 'binary', maxLength: 300 }), fc.lorem()),
      (text) => void read(text),
    ),
    {
      numRuns: 400,
    },
  )
})

test('any values in YAML', () => {
  const value = fc.object({
    key: fc.oneof(fc.constantFrom(...Object.keys(TaskSpec.properties)), fc.string()),
    maxDepth: 4,
  })
  fc.assert(
    fc.property(value, (fields) => void read(stringify(fields))),
    { numRuns: 200 },
  )
})

test('any bytes', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => void read(Buffer.from(bytes).toString())),
    {
      numRuns: 200,
    },
  )
})

test('a good file with something put in, taken out or doubled', () => {
  const edit = fc.tuple(
    fc.nat(good.length),
    fc.nat(40),
    fc.oneof(fc.constantFrom(...tokens), fc.string({ maxLength: 4 })),
  )
  const edited = fc
    .array(edit, { minLength: 1, maxLength: 4 })
    .map((edits) =>
      edits.reduce((text, [at, gone, put]) => text.slice(0, at) + put + text.slice(at + (gone > 20 ? 0 : gone)), good),
    )
  fc.assert(
    fc.property(edited, (text) => void read(text)),
    { numRuns: 1_000 },
  )
})

test('a value of a variable that reads as something else is not quoted', () => {
  for (const token of [...tokens, '%', '&', '*', '!', '|', '>-', '@'])
    for (const of of ['env', 'secretEnv'])
      for (const text of [
        `${token}${secret}`,
        `${token} ${secret}`,
        `"${secret}${token}`,
        `${secret}: ${token}`,
        `${secret}\n ${token}`,
      ])
        read(`image: x\n${of}:\n  A: ${text}\n  B: 1\n`)
})

test('a map for a key is refused, and nothing of it is said', () => {
  for (const text of [
    `? {a: ${secret}}\n: x`,
    `{ {a: ${secret}}: x }`,
    `env:\n  ? [${secret}]\n  : x`,
    `&a ${secret}: x\n*a : y`,
  ])
    expect(read(text)).toBe('a sentence')
})

test('every field of a specification, spoiled in every way', () => {
  const schema = keywordsOf(TaskSpec)
  const put = (fields: unknown, [name, ...rest]: Path, to: unknown): unknown => {
    if (name === undefined) return to
    const copy: Record<string | number, unknown> = Array.isArray(fields)
      ? ([...fields] as never)
      : { ...(fields as object) }
    copy[name] = put(copy[name], rest, to)
    return copy
  }
  let refused = 0
  let count = 0
  for (let turn = 0; turn < turns; turn += 1) {
    const base = fitting(schema, turn)
    for (const place of placesOf(schema, turn)) {
      const value = place.path.reduce<unknown>((at, name) => (at as Record<string | number, unknown>)?.[name], base)
      for (const mutation of mutations) {
        const to = mutation.of(place, value)
        count += 1
        // Each third, and others of the next place.
        if (
          count % 3 !== 0 ||
          to === undefined ||
          typeof to === 'symbol' ||
          (typeof to === 'string' && to.length > 10_000)
        )
          continue
        if (read(JSON.stringify(put(base, place.path, to))) === 'a sentence') refused += 1
      }
      if (turn > 1) break
    }
  }
  expect(refused).toBeGreaterThan(300)
})

test('specifications of chance', () => {
  const dice = new Dice(1)
  for (let count = 0; count < 150; count += 1) read(stringify(chance(keywordsOf(TaskSpec), dice)))
})

describe('files that are meant to cost much', () => {
  const laughs = Array.from(
    { length: 30 },
    (_, at) => `l${at}: &l${at} [${at === 0 ? 'x' : `*l${at - 1},`.repeat(9).slice(0, -1)}]`,
  )
  test.each([
    ['aliases of aliases', `${laughs.join('\n')}\nimage: *l29\n`],
    ['an alias of itself', 'image: x\nlabels: &a\n  b: *a\n'],
    ['a merge of itself', 'image: x\nlabels: &a\n  <<: *a\n'],
    ['many aliases', `image: &a x\ncommand: [${'*a,'.repeat(20_000)}]\n`],
    ['lists within lists', `command: ${'['.repeat(50_000)}`],
    ['maps within maps', `labels: ${'{a: '.repeat(20_000)}`],
    ['deeper by each line', Array.from({ length: 1_000 }, (_, at) => `${' '.repeat(at)}a:`).join('\n')],
    ['a long line', `name: ${'x'.repeat(1_000_000)}`],
    ['many fields', Array.from({ length: 20_000 }, (_, at) => `f${at}: 1`).join('\n')],
    ['many variables', `image: x\nenv: {${Array.from({ length: 20_000 }, (_, at) => `V${at}: ${secret}`).join(', ')}}`],
    ['the same key many times', `image: x\n${'name: y\n'.repeat(5_000)}`],
    ['many documents', '---\nimage: x\n'.repeat(5_000)],
    ['many quotes', `name: ${'"'.repeat(10_000)}`],
    ['a block without an end', `name: |\n${' x\n'.repeat(50_000)}`],
    ['many anchors', Array.from({ length: 5_000 }, (_, at) => `- &a${at} x`).join('\n')],
    ['many comments', '# x\n'.repeat(100_000)],
  ])('%s', (_, text) => {
    expect(read(text)).toBe('a sentence')
  })
})

test('a file that is too large, and one that is no text, end in exit code 2', async () => {
  for (const stdin of ['x'.repeat(textFileLimits.fileBytesMax + 1), '\0\0\0', '']) {
    const { code, stderr } = await cli(['run', '-f', '-', '-d'], { stdin })
    expect(code).toBe(2)
    expect(stderr.trim().split('\n')).toHaveLength(1)
    expect(stderr).not.toMatch(/^\s+at /m)
  }
})
