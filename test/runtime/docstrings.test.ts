/** Whatever the package exports says what it is: each name has a docstring, and so has each member of each interface. */
import { readFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { type Node, parseSync, type Statement } from 'oxc-parser'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')

/** What of an AST is looked at here. */
type Loose = Node & Record<string, unknown>

interface Source {
  readonly text: string
  readonly body: readonly Statement[]
  readonly comments: readonly { readonly type: string; readonly value: string; readonly end: number }[]
}

function read(file: string): Source {
  const text = readFileSync(file, 'utf8')
  const { program, comments } = parseSync(file, text)
  return { text, body: program.body, comments }
}

/** Whether a docstring stands right before it. */
const isDocumented = ({ text, comments }: Source, node: { readonly start: number }): boolean =>
  comments.some(
    ({ type, value, end }) =>
      type === 'Block' && value.startsWith('*') && end <= node.start && /^\s*$/.test(text.slice(end, node.start)),
  )

const nameOf = (declaration: Loose): string | undefined => {
  const [first] = (declaration.declarations ?? []) as { id: { name: string } }[]
  return (declaration.id as { name: string } | undefined)?.name ?? first?.id.name
}

/** Where a file's exports come from: name → file, re-exports followed. */
function exportsOf(file: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const statement of read(file).body) {
    if (statement.type === 'ExportAllDeclaration') {
      for (const [name, from] of exportsOf(resolve(dirname(file), statement.source.value))) found.set(name, from)
    }
    if (statement.type !== 'ExportNamedDeclaration') continue
    const { source, specifiers, declaration } = statement
    const name = declaration ? nameOf(declaration as unknown as Loose) : undefined
    if (name !== undefined) found.set(name, file)
    if (source === null) continue
    const from = resolve(dirname(file), source.value)
    for (const { exported } of specifiers) {
      const exportedName = (exported as { name: string }).name
      found.set(exportedName, exportsOf(from).get(exportedName) ?? from)
    }
  }
  return found
}

/** What of this name, exported by this file, has no docstring. */
function undocumented(name: string, file: string): string[] {
  const source = read(file)
  const where = relative(root, file)
  const declared = source.body.flatMap((statement) => {
    const declaration = statement.type === 'ExportNamedDeclaration' ? (statement.declaration as Loose | null) : null
    return declaration && nameOf(declaration) === name ? [{ statement, declaration }] : []
  })
  expect(declared.length, `${name} is declared in ${where}`).toBeGreaterThan(0)
  const missing = declared.some(({ statement }) => isDocumented(source, statement)) ? [] : [`${where}: ${name}`]
  for (const { declaration } of declared) {
    const members = (declaration.body as { body?: unknown } | undefined)?.body
    for (const member of Array.isArray(members) ? (members as Loose[]) : []) {
      const key = member.key as { type: string; name?: string } | undefined
      const isOurs = key?.name !== undefined && key.type !== 'PrivateIdentifier'
      if (!isOurs || member.kind === 'constructor' || member.override === true) continue
      if (!isDocumented(source, member)) missing.push(`${where}: ${name}.${key.name}`)
    }
  }
  return missing
}

/** The properties of the schema of this name, `Type.Object({ … }, …)`: each is a field on the wire and of the API's type. */
function fieldsOf(name: string, { body }: Source): Loose[] {
  for (const statement of body) {
    const declaration = statement.type === 'ExportNamedDeclaration' ? (statement.declaration as Loose | null) : null
    if (declaration?.type !== ('VariableDeclaration' as string) || nameOf(declaration) !== name) continue
    const [{ init }] = declaration.declarations as [{ init: { arguments: [{ properties: Loose[] }] } }]
    return init.arguments[0].properties
  }
  return []
}

test.each([
  ['runtime/index.ts', 20],
  ['runtime/browser.ts', 20],
  ['runtime/conformance.ts', 8],
])('everything that %s exports has a docstring', (entry, atLeast) => {
  const exported = exportsOf(resolve(root, entry))
  expect(exported.size).toBeGreaterThan(atLeast)
  expect([...exported].flatMap(([name, file]) => undocumented(name, file))).toEqual([])
})

const model = ['TaskView', 'TaskEvent', 'NodeView', 'AttemptSummary', 'AttemptStatus', 'AttemptKey']
const spec = ['TaskSpec', 'RestartPolicy', 'DisconnectPolicy', 'Mount']
test.each([
  ...[...model, 'PlacementDecision'].map((name) => [name, 'actors/model.ts'] as const),
  ...spec.map((name) => [name, 'actors/spec.ts'] as const),
  ...['Health', 'HealthCheck'].map((name) => [name, 'actors/health.ts'] as const),
  ['Resources', 'actors/limits.ts'] as const,
  ...['Port', 'HostPort', 'PortRange'].map((name) => [name, 'actors/ports.ts'] as const),
  ['TaskFilter', 'actors/protocol/client.ts'] as const,
])('%s says of each of its fields what it is', (name, file) => {
  const source = read(resolve(root, file))
  const fields = fieldsOf(name, source)
  expect(fields.length).toBeGreaterThan(1)
  const missing = fields.filter((field) => !isDocumented(source, field))
  expect(missing.map(({ key }) => (key as { name: string }).name)).toEqual([])
  expect(undocumented(name, resolve(root, file))).toEqual([])
})
