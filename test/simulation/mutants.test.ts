import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { coverageRules } from './coverage.ts'
import { mutants } from './mutants.ts'

const root = join(import.meta.dirname, '..', '..')
/** A defect that more seeds than this do not show would come through. */
const seedsMax = coverageRules.seeds
const timeoutMs = 300_000

describe('a defect in a copy of the code is caught', () => {
  let copy = ''
  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), 'troupe-mutant-'))
    for (const part of ['actors', 'transport', 'runtime', 'test/simulation', 'scripts/simulate.ts', 'package.json']) {
      cpSync(join(root, part), join(copy, part), { recursive: true })
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))
  })
  afterEach(() => rmSync(copy, { recursive: true, force: true }))

  test.each(mutants)(
    '$name',
    ({ edits }) => {
      for (const { file, find, replace } of edits) {
        const source = readFileSync(join(copy, file), 'utf8')
        expect(source.split(find).length, `${file} should hold once: ${find}`).toBe(2)
        writeFileSync(join(copy, file), source.replace(find, replace))
      }
      const args = ['--import', 'tsx', 'scripts/simulate.ts', '--seed', '0', '--seeds', String(seedsMax)]
      const { stdout, status } = spawnSync(process.execPath, args, { cwd: copy, encoding: 'utf8', timeout: timeoutMs })
      const caught = /^seed \d+ broke.*\n.*$/m.exec(stdout)?.[0]
      expect(caught, `nobody noticed within ${seedsMax} seeds`).toBeDefined()
      console.log(caught)
      expect(status).toBe(1)
    },
    timeoutMs,
  )
})
