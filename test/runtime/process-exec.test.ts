/** Commands beside a process task: what they are given, and that nothing of them stays. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { TaskSpec } from '../../actors/model.ts'
import { execBeside } from '../../runtime/drivers/process/exec.ts'
import { pidsWith, systemClock, until } from './process-fixture.ts'

const dir = mkdtempSync(join(tmpdir(), 'troupe-exec-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

let count = 0
function run(script: string, more: Partial<TaskSpec> = {}, timeoutMs = 10_000, signal = new AbortController().signal) {
  count += 1
  const spec = { workdir: dir, ...more, command: ['sh', '-c', script] }
  const fork = { ref: `exec-test/n1/e-${count}.1`, spec }
  return execBeside(fork, { timeoutMs, signal }, systemClock)
}

describe('a command', () => {
  test('has the environment and the folder of its task, and its mark', async () => {
    const { exitCode, output } = await run('pwd; echo $COLOUR $TROUPE_REF', { env: { COLOUR: 'red' } })
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: `${dir} red exec-test/n1/e-${count}.1` })
  })

  test.each([
    ['exit 7', 7],
    ['kill -TERM $$', 143],
  ])('%s ends with %i', async (script, exitCode) => expect((await run(script)).exitCode).toBe(exitCode))

  test('that takes too long is killed with all that it began', async () => {
    const { exitCode, output } = await run('sleep 4321 & sleep 4321', {}, 200)
    expect({ exitCode, output }).toEqual({ exitCode: undefined, output: 'took longer than 200 ms' })
    await until('nothing of it is left', () => pidsWith(`exec-test/n1/e-${count}.1`).length === 0 || undefined)
  })

  test('does not wait for what it leaves behind', async () => {
    expect((await run('sleep 4321 & echo done')).output).toBe('done')
    await until('nothing of it is left', () => pidsWith(`exec-test/n1/e-${count}.1`).length === 0 || undefined)
  })

  test('is given up when its check is', async () => {
    const abort = new AbortController()
    const running = run('sleep 4321', {}, 60_000, abort.signal)
    abort.abort()
    expect((await running).exitCode).toBeUndefined()
  })

  test('that cannot be run says why', async () => {
    const fork = { ref: 'exec-test/n1/e.1' }
    const more = { timeoutMs: 1_000, signal: new AbortController().signal }
    const missing = await execBeside({ ...fork, spec: { command: ['no-such-thing'] } }, more, systemClock)
    expect(missing).toMatchObject({
      exitCode: undefined,
      output: expect.stringContaining('no command "no-such-thing"'),
    })
    const nowhere = await execBeside({ ...fork, spec: { command: ['true'], workdir: '/no/where' } }, more, systemClock)
    expect(nowhere.output).toContain('does not exist')
  })
})
