/** The first command of the README on this checkout itself: the real `troupe`, with real tasks. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sampleTasks } from '../scripts/lib/sample.ts'

const start = join(import.meta.dirname, '..', 'scripts', 'start')

/** Once with the engine at hand, if one answers, and once as on a machine without. */
test.each([
  ['as it finds the machine', {}],
  ['without an engine', { DOCKER_HOST: 'unix:///nowhere/docker.sock' }],
])('scripts/start --once, %s, ends well and leaves nothing', (_, env) => {
  const temp = mkdtempSync(join(tmpdir(), 'troupe-scripts-'))
  try {
    const { status, stdout, stderr } = spawnSync(start, ['--once'], {
      env: { ...process.env, ...env, TMPDIR: temp },
      encoding: 'utf8',
      timeout: 110_000,
    })
    const said = `${stdout}\n${stderr}`
    for (const task of sampleTasks) expect(said).toContain(`ok   ${task.name}: ${task.shows}`)
    expect(said).toMatch(/^start: watch it in a browser: http:\/\/127\.0\.0\.1:\d+\/#token=\w+$/m)
    expect(status, said).toBe(0)
    expect(readdirSync(temp).filter((name) => name.startsWith('troupe-'))).toEqual([])
  } finally {
    rmSync(temp, { recursive: true, force: true })
  }
})
