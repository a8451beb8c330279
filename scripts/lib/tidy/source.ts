/** A TypeScript file as facts: what it imports, the functions in it, the names it uses. Parsed once, asked by every rule. */
import { parseSync, visitorKeys } from 'oxc-parser'

/** One node of the ESTree that oxc-parser gives; rules look only at the few fields that they name. */
export type SyntaxNode = { readonly type: string; readonly start: number; readonly end: number } & Record<
  string,
  unknown
>

export interface ImportFact {
  /** As written, `./a.ts` or `node:fs`; undefined when a dynamic import's argument is not a plain string. */
  readonly specifier: string | undefined
  /** The whole statement is `import type` or `export type`, so nothing of it is left at run time. */
  readonly typeOnly: boolean
  /** `import(…)`, loaded only when it is reached. */
  readonly dynamic: boolean
  readonly line: number
}

export interface SourceFile {
  readonly path: string
  readonly lines: readonly string[]
  readonly root: SyntaxNode
  readonly imports: readonly ImportFact[]
  readonly comments: readonly { readonly text: string; readonly line: number; readonly endLine: number }[]
  /** The line, from 1, that holds this offset. */
  lineAt(offset: number): number
}

/** Parses `text`, named by its path from the root of the repository. Throws a sentence when it is not valid TypeScript. */
export function parseSource(path: string, text: string): SourceFile {
  const result = parseSync(path, text, { sourceType: 'module' })
  const starts = lineStarts(text)
  const lineAt = (offset: number) => lineOf(starts, offset)
  const failure = result.errors[0]
  if (failure) {
    const line = lineAt(failure.labels[0]?.start ?? 0)
    throw new SyntaxError(`${path}:${line} cannot be parsed: ${failure.message}`)
  }
  const root = result.program as unknown as SyntaxNode
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  return {
    path,
    lines,
    root,
    imports: importsOf(root, lineAt),
    comments: result.comments.map((comment) => ({
      text: comment.value,
      line: lineAt(comment.start),
      endLine: lineAt(comment.end),
    })),
    lineAt,
  }
}

/** Calls `visit` on each node, parents first. The subtree is left out where `visit` returns false. */
export function walk(
  node: SyntaxNode,
  visit: (node: SyntaxNode, parent: SyntaxNode | undefined) => boolean | undefined,
  parent?: SyntaxNode,
): void {
  if (visit(node, parent) === false) return
  for (const key of visitorKeys[node.type as keyof typeof visitorKeys] ?? []) {
    const child = node[key]
    for (const item of Array.isArray(child) ? child : [child]) if (isNode(item)) walk(item, visit, node)
  }
}

export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}

/** The name of an identifier; undefined for anything else. */
export function identifierName(value: unknown): string | undefined {
  return isNode(value) && value.type === 'Identifier' ? (value.name as string) : undefined
}

function importsOf(root: SyntaxNode, lineAt: (offset: number) => number): ImportFact[] {
  const imports: ImportFact[] = []
  walk(root, (node) => {
    const line = lineAt(node.start)
    switch (node.type) {
      case 'ImportDeclaration':
      case 'ExportNamedDeclaration':
      case 'ExportAllDeclaration': {
        const specifier = literal(node.source)
        const typeOnly = node.importKind === 'type' || node.exportKind === 'type'
        if (specifier !== undefined) imports.push({ specifier, typeOnly, dynamic: false, line })
        break
      }
      case 'ImportExpression':
        imports.push({ specifier: literal(node.source), typeOnly: false, dynamic: true, line })
        break
      case 'TSImportType':
        imports.push({ specifier: literal(node.source), typeOnly: true, dynamic: false, line })
        break
    }
    return undefined
  })
  return imports
}

function literal(value: unknown): string | undefined {
  return isNode(value) && value.type === 'Literal' && typeof value.value === 'string' ? value.value : undefined
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function lineOf(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] as number) <= offset) low = middle
    else high = middle - 1
  }
  return low + 1
}
