/** Banned globals: time, chance and the outside world reach a simulated layer by constructor or as data, never by name. */
import { layerOf } from './layers.ts'
import { identifierName, isNode, type SourceFile, type SyntaxNode, walk } from './source.ts'

const outsideWorld = [
  'Date',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'process',
  'console',
  'crypto',
  'performance',
  'fetch',
  'globalThis',
  'global',
] as const

const advice: Readonly<Record<string, string>> = {
  Date: 'take a Clock and ask nowMs()',
  'Math.random': 'take a Random and ask roll()',
  setTimeout: 'take a Clock and call setTimer()',
  setInterval: 'take a Clock and call setTimer() again each time',
  setImmediate: 'take a Clock, or use queueMicrotask',
  performance: 'take a Clock and ask uptimeMs()',
  crypto: 'take a Random and ask id()',
  console: 'take a Logger',
  Promise: 'a machine decides at once; let the host wait',
}

/** Nodes beginning with `TS` that hold values; all others are types and vanish at run time. */
const valuesInTypeScript = new Set([
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'TSTypeAssertion',
])

/** Each use of a banned global, with a sentence on what to do instead. */
export function findBannedGlobals(source: SourceFile): { line: number; message: string }[] {
  const layer = layerOf(source.path)
  if (layer !== 'actors' && layer !== 'host' && layer !== 'client' && layer !== 'chart') return []
  const banned = new Set<string>(outsideWorld)
  if (layer === 'actors') banned.add('Promise').add('Buffer').add('queueMicrotask')
  const found: { line: number; message: string }[] = []
  const report = (node: SyntaxNode, name: string) => {
    const instead = advice[name] ?? 'let it come by constructor'
    found.push({ line: source.lineAt(node.start), message: `${name} is banned in this layer; ${instead}` })
  }
  walk(source.root, (node, parent) => {
    if (node.type.startsWith('TS') && !valuesInTypeScript.has(node.type)) return false
    if (layer === 'actors' && (node.async === true || node.type === 'AwaitExpression')) report(node, 'Promise')
    const name = identifierName(node)
    if (name === undefined || isOnlyAName(node, parent)) return undefined
    if (banned.has(name)) report(node, name)
    if (name === 'Math' && !isPureMath(parent)) report(node, 'Math.random')
    return undefined
  })
  return found
}

/** Whether the identifier only names a field, as in `exit.process` or `{ process: 1 }`. */
function isOnlyAName(node: SyntaxNode, parent: SyntaxNode | undefined): boolean {
  if (!parent) return false
  switch (parent.type) {
    case 'MemberExpression':
      return parent.property === node && parent.computed === false
    case 'Property':
    case 'MethodDefinition':
    case 'PropertyDefinition':
    case 'AccessorProperty':
      return parent.key === node && parent.computed === false
    case 'ImportSpecifier':
      return parent.imported === node && parent.local !== node
    case 'ExportSpecifier':
      return parent.exported === node && parent.local !== node
    default:
      return false
  }
}

/** Any use of Math but `Math.<something else than random>` counts, so that it cannot be taken apart. */
function isPureMath(parent: SyntaxNode | undefined): boolean {
  if (parent?.type !== 'MemberExpression' || parent.computed !== false || !isNode(parent.property)) return false
  return identifierName(parent.object) === 'Math' && identifierName(parent.property) !== 'random'
}
