/** Checks the house rules that no compiler or linter holds: layers, banned globals, sizes, names. Prints each breach. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Breach, checkSources } from './lib/tidy/rules.ts'
import { parseSource } from './lib/tidy/source.ts'

/** Checks every TypeScript file of the checkout that git does not ignore. */
export function checkTree(root: string): { files: number; breaches: Breach[] } {
  const listing = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root })
  const paths = listing
    .toString()
    .split('\0')
    .filter((path) => /\.tsx?$/.test(path) && existsSync(join(root, path)))
  const sources = paths.map((path) => parseSource(path, readFileSync(join(root, path), 'utf8')))
  return { files: sources.length, breaches: checkSources(sources) }
}

/** One breach as a line that editors and terminals turn into a link. */
export const formatBreach = (breach: Breach): string =>
  `${breach.file}:${breach.line} ${breach.rule}: ${breach.message}`

if (import.meta.filename === process.argv[1]) {
  const { files, breaches } = checkTree(join(import.meta.dirname, '..'))
  for (const breach of breaches) console.log(formatBreach(breach))
  console.log(`tidy: ${files} files, ${breaches.length} ${breaches.length === 1 ? 'breach' : 'breaches'}`)
  process.exitCode = breaches.length === 0 ? 0 : 1
}
