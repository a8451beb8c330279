/**
 * Soaks: does each fault to real processes many times (test/soak), and prints what came of it as a table for
 * docs/RELIABILITY.md. Needs root on Linux and a Docker engine with the test image, as `scripts/test` leaves them.
 *
 *   npm run soak -- --seed 1 --times 1 [words of file names]
 */
import { spawn } from 'node:child_process'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '..')

/** Runs the tests, passes on what they say, and answers the rows that they reported. */
async function soak(
  env: Record<string, string>,
  filters: readonly string[],
): Promise<{ code: number; rows: string[] }> {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', '--project', 'soak', ...filters], {
    cwd: root,
    env: { ...process.env, ...env, TROUPE_SOAK: '1', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const rows: string[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    console.log(line)
    if (line.startsWith('soak: ')) rows.push(`| ${line.slice('soak: '.length)} |`)
  })
  const code = await new Promise<number>((resolve) => {
    child.on('close', (exitCode) => resolve(exitCode ?? 1))
  })
  return { code, rows }
}

const { values, positionals } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, times: { type: 'string', default: '1' } },
  allowPositionals: true,
})
if (![values.seed, values.times].every((text) => /^[1-9]\d{0,8}$/.test(text))) {
  console.error('--seed and --times take whole numbers from 1.')
  process.exitCode = 2
} else {
  const env = { TROUPE_SOAK_SEED: values.seed, TROUPE_SOAK_TIMES: values.times }
  const { code, rows } = await soak(env, positionals)
  const machine = `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, Node ${process.versions.node}`
  console.log([`\n${machine}\n`, '| done | came of it |', '| --- | --- |', ...rows].join('\n'))
  process.exitCode = code
}
