import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build, type Plugin } from 'esbuild'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coverageRules } from './coverage.ts'
import { type Mutant, mutants } from './mutants.ts'

const root = join(import.meta.dirname, '..', '..')
/** A defect that more seeds than this do not show would come through. */
const seedsMax = coverageRules.seeds
const timeoutMs = 300_000

/** The sources of the files that the mutant changes, as it has them. */
function sourcesOf({ edits }: Mutant): ReadonlyMap<string, string> {
  const sources = new Map<string, string>()
  for (const { file, find, replace } of edits) {
    const path = join(root, file)
    const source = sources.get(path) ?? readFileSync(path, 'utf8')
    expect(source.split(find).length, `${file} should hold once: ${find}`).toBe(2)
    sources.set(
      path,
      source.replace(find, () => replace),
    )
  }
  return sources
}

/** The hunt in one file, which starts several times faster than its sources, with the mutant's in place of the shipped. */
async function buildHunt(outfile: string, sources: ReadonlyMap<string, string>): Promise<void> {
  const used = new Set<string>()
  const mutation: Plugin = {
    name: 'mutation',
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const contents = sources.get(path)
        if (contents === undefined) return undefined
        used.add(path)
        return { contents, loader: 'ts' }
      }),
  }
  await build({
    ...{ absWorkingDir: root, entryPoints: ['scripts/simulate.ts'], outfile, plugins: [mutation] },
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node20', logLevel: 'warning' },
    // Packages in the older format want it.
    banner: {
      js: `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url)`,
    },
  })
  expect([...used].sort(), 'the simulation runs what is changed').toEqual([...sources.keys()].sort())
}

describe('a defect in a copy of the code is caught', () => {
  let copy = ''
  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'troupe-mutant-'))
  })
  afterEach(() => rmSync(copy, { recursive: true, force: true }))

  test.each(mutants)(
    '$name',
    async (mutant) => {
      const hunt = join(copy, 'hunt.mjs')
      await buildHunt(hunt, sourcesOf(mutant))
      const args = [hunt, '--seed', String(mutant.firstSeed ?? 0), '--seeds', String(seedsMax)]
      const { stdout, status } = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', timeout: timeoutMs })
      const caught = /^seed \d+ broke.*\n.*$/m.exec(stdout)?.[0]
      expect(caught, `nobody noticed within ${seedsMax} seeds`).toBeDefined()
      console.log(caught)
      expect(status).toBe(1)
    },
    timeoutMs,
  )
})
