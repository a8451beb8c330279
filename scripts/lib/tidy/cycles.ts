/** Import cycles: files that need each other's values can be half loaded when they are first used. */
import { resolveImport } from './layers.ts'
import type { SourceFile } from './source.ts'

/** Each cycle once, as the list of its files; the first is the one that comes first in the alphabet. */
export function findCycles(sources: readonly SourceFile[]): string[][] {
  const known = new Set(sources.map((source) => source.path))
  const edges = new Map(sources.map((source) => [source.path, valueImports(source, known)]))
  const cycles: string[][] = []
  const done = new Set<string>()
  const visit = (path: string, trail: string[]): void => {
    const from = trail.indexOf(path)
    if (from >= 0) {
      cycles.push(trail.slice(from))
      return
    }
    if (done.has(path)) return
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path])
    done.add(path)
  }
  for (const path of [...known].sort()) visit(path, [])
  return cycles
}

/** Dynamic imports run later, when every file was loaded, and so close no cycle. */
function valueImports(source: SourceFile, known: ReadonlySet<string>): string[] {
  const targets = source.imports
    .filter((fact) => !fact.typeOnly && !fact.dynamic && fact.specifier?.startsWith('.'))
    .map((fact) => resolveImport(source.path, fact.specifier as string))
  return [...new Set(targets)].filter((target) => known.has(target)).sort()
}
