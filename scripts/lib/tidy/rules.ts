/** The rules of the house, each a function from a parsed file to its breaches. The whole list is `fileRules`. */
import { findCycles } from './cycles.ts'
import { findBannedGlobals } from './globals.ts'
import { layerOf, refuseImport } from './layers.ts'
import { identifierName, isNode, type SourceFile, type SyntaxNode, walk } from './source.ts'

export const tidyLimits = {
  /** The longest file, in lines. */
  fileLinesMax: 400,
  /** The longest function, in lines from its first to its last, all comments included. */
  functionLinesMax: 70,
} as const

export interface Breach {
  readonly file: string
  readonly line: number
  readonly rule: string
  /** A sentence on what to do. */
  readonly message: string
}

type Finding = Pick<Breach, 'line' | 'message'>
type FileRule = (source: SourceFile) => Iterable<Finding>

export const fileRules: Readonly<Record<string, FileRule>> = {
  place: place,
  'file-name': fileName,
  'file-length': fileLength,
  'function-length': functionLength,
  layer: layers,
  'import-extension': importExtension,
  'banned-global': findBannedGlobals,
  unfinished: unfinished,
  'test-left-out': testLeftOut,
}

/** Checks files, given as pairs of path and parsed source; the breaches come in the order of files and lines. */
export function checkSources(sources: readonly SourceFile[]): Breach[] {
  const breaches: Breach[] = []
  for (const source of sources) {
    for (const [rule, check] of Object.entries(fileRules)) {
      for (const { line, message } of check(source)) breaches.push({ file: source.path, line, rule, message })
    }
  }
  for (const cycle of findCycles(sources)) {
    const file = cycle[0] as string
    const message = `break the cycle ${[...cycle, file].join(' → ')}: move what both need to a file of its own, or import only its type`
    breaches.push({ file, line: 1, rule: 'import-cycle', message })
  }
  return breaches.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line))
}

function* place(source: SourceFile): Iterable<Finding> {
  if (layerOf(source.path) !== undefined) return
  yield { line: 1, message: 'this file has no layer; move it to one, or add its place to scripts/lib/tidy/layers.ts' }
}

function* fileName(source: SourceFile): Iterable<Finding> {
  for (const segment of source.path.split('/')) {
    if (!/^[a-z0-9]+([-.][a-z0-9]+)*$/.test(segment)) {
      yield { line: 1, message: `rename ${segment}: names are kebab-case, in small letters and figures` }
    }
    const vague = segment.split(/[-.]/).find((word) => /^(utils?|helpers?|common)$/.test(word))
    if (vague)
      yield { line: 1, message: `rename ${segment}: "${vague}" says nothing; name it by the noun that it holds` }
  }
}

function* fileLength(source: SourceFile): Iterable<Finding> {
  const { length } = source.lines
  const { fileLinesMax } = tidyLimits
  if (length > fileLinesMax) {
    yield {
      line: fileLinesMax + 1,
      message: `split this file by its nouns: it has ${length} lines of at most ${fileLinesMax}`,
    }
  }
}

function functionLength(source: SourceFile): Finding[] {
  const found: Finding[] = []
  walk(source.root, (node, parent) => {
    if (!isNode(node.body) || !/Function/.test(node.type) || registersTests(source, node, parent)) return undefined
    const line = source.lineAt(node.start)
    const length = source.lineAt(node.end) - line + 1
    const { functionLinesMax } = tidyLimits
    if (length > functionLinesMax) {
      found.push({ line, message: `split this function: it has ${length} lines of at most ${functionLinesMax}` })
    }
    return undefined
  })
  return found
}

/** The body of a `describe`, or of a whole conformance suite, is a list of tests and not one train of thought. */
function registersTests(source: SourceFile, node: SyntaxNode, parent: SyntaxNode | undefined): boolean {
  if (layerOf(source.path) === 'conformance' && registersAtTop(node)) return true
  return parent?.type === 'CallExpression' && ['describe', 'suite'].includes(rootName(parent.callee) ?? '')
}

/** Whether a function's own statements call `test(…)` or `describe(…)`. */
function registersAtTop(node: SyntaxNode): boolean {
  const statements = isNode(node.body) && Array.isArray(node.body.body) ? node.body.body : []
  return statements.some((statement: unknown) => {
    const call = isNode(statement) && statement.type === 'ExpressionStatement' ? statement.expression : undefined
    return isNode(call) && call.type === 'CallExpression' && testWords.has(rootName(call.callee) ?? '')
  })
}

function* layers(source: SourceFile): Iterable<Finding> {
  for (const fact of source.imports) {
    const message = refuseImport(source.path, fact)
    if (message !== undefined) yield { line: fact.line, message }
  }
}

function* importExtension(source: SourceFile): Iterable<Finding> {
  for (const { specifier, line } of source.imports) {
    if (!specifier?.startsWith('.') || /\.(tsx?|json|css)$/.test(specifier)) continue
    yield { line, message: `write the file's ending in '${specifier}', as in './noun.ts'` }
  }
}

function* unfinished(source: SourceFile): Iterable<Finding> {
  for (const comment of source.comments) {
    const word = /\b(TODO|FIXME|XXX|HACK)\b/.exec(comment.text)?.[1]
    if (word) yield { line: comment.line, message: `do it or open an issue: a ${word} in the code is read by nobody` }
  }
}

const testWords = new Set(['test', 'it', 'describe', 'suite'])
const leavesOut = new Set(['skip', 'skipIf', 'runIf', 'todo'])

function testLeftOut(source: SourceFile): Finding[] {
  const found: Finding[] = []
  walk(source.root, (node) => {
    if (node.type !== 'MemberExpression' || !testWords.has(rootName(node.object) ?? '')) return undefined
    const word = identifierName(node.property) ?? ''
    const line = source.lineAt(isNode(node.property) ? node.property.start : node.start)
    if (word === 'only') found.push({ line, message: 'take away `.only`: it silences every other test' })
    if (leavesOut.has(word) && !hasReason(source, line)) {
      found.push({ line, message: `say why in a comment beside or above \`.${word}\`` })
    }
    return undefined
  })
  return found
}

function hasReason(source: SourceFile, line: number): boolean {
  return source.comments.some((comment) => comment.line === line || comment.endLine === line - 1)
}

/** The first name of `a.b.c(…).d`. */
function rootName(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  return identifierName(node) ?? rootName(node.type === 'CallExpression' ? node.callee : node.object)
}
