/** `troupe run`, attached: what it shows, how it ends, and how it is left and found again. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cluster, type Program, testImage, until } from './cluster.ts'

let cluster: Cluster
let up: Program
beforeAll(async () => {
  cluster = await Cluster.open()
  up = cluster.startUp('--name', 'here')
  await cluster.ready(1)
})
afterAll(() => cluster.close())

const withoutEngine = process.env.TROUPE_TEST_WITHOUT_ENGINE
const drivers = [
  { driver: 'process', flags: ['--driver', 'process', '--'], leftOut: false },
  { driver: 'docker', flags: [testImage], leftOut: withoutEngine !== undefined },
]

/** Counts, a line each fifth of a second, and then exits with 5. */
const counting = (lines: number) =>
  `i=0; while [ $i -lt ${lines} ]; do i=$((i+1)); echo line $i; sleep 0.2; done; exit 5`
const counted = (lines: number) => Array.from({ length: lines }, (_, at) => `line ${at + 1}\n`).join('')

const seen = (run: Program, text: string) =>
  until(`"${text}"`, async () => (run.stdout.includes(text) || run.stderr.includes(text) ? true : undefined)).catch(
    (error: Error) => {
      throw new Error(`${error.message}; there is:\n${run.stdout}\n${run.stderr}`)
    },
  )

for (const { driver, flags, leftOut } of drivers) {
  // Docker, where there is no engine: scripts/test has said so. They wait more than they work, so they do it together.
  describe.skipIf(leftOut)(driver, { concurrent: true }, () => {
    const start = (id: string, script: string, ...more: string[]) =>
      cluster.start('run', '--id', `${driver}-${id}`, ...more, ...flags, 'sh', '-c', script)

    test('output goes to stdout, transitions to stderr, and the code is the task’s', async () => {
      const { code, stdout, stderr } = await start('plain', 'echo out; echo err >&2; exit 3').ended
      expect({ code, stdout }, stderr).toEqual({ code: 3, stdout: 'out\n' })
      const id = `${driver}-plain`
      const lines = stderr.split('\n')
      expect(lines[0]).toBe(`troupe: task ${id}`)
      expect(lines).toContain('err')
      expect(lines.filter((line) => line.startsWith(id))).toEqual([
        `${id} Pending.Queued  Created`,
        `${id} Pending.Queued → Scheduled.Starting  Placed (on here)  attempt 1`,
        `${id} Scheduled.Starting → Running  Started  attempt 1`,
        `${id} Running → Failed  Exited (exit 3)  attempt 1`,
      ])
      expect(lines.at(-2)).toBe(`troupe: ${id} Failed: exit 3`)
      // Nothing for a terminal goes to a pipe.
      expect(stderr).not.toContain('\u001b')
    })

    test('bytes are passed on as they are, and the last of them before the end', async () => {
      const { code, stdout } = await start('bytes', 'seq 1 2000; printf "\\000\\001no end of line"').ended
      const numbers = Array.from({ length: 2_000 }, (_, at) => `${at + 1}\n`).join('')
      expect(code).toBe(0)
      expect(stdout === `${numbers}\0\u0001no end of line`).toBe(true)
    })

    test('the first Ctrl-C stops the task: 143', async () => {
      const run = start('stop', 'trap "echo cleaning; exit 143" TERM; echo up; while :; do sleep 0.1; done')
      await seen(run, 'up\n')
      const { code, stdout, stderr } = await run.kill('SIGINT')
      expect({ code, stdout }, stderr).toEqual({ code: 143, stdout: 'up\ncleaning\n' })
      expect(stderr).toContain('troupe: stopping the task; Ctrl-C again kills it')
      expect(stderr).toContain(`troupe: ${driver}-stop Completed: stopped, exit 143`)
    })

    test('the second Ctrl-C kills it: 137', async () => {
      const run = start('kill', 'trap "echo no" TERM; echo up; while :; do sleep 0.1; done', '--stop-timeout', '10m')
      await seen(run, 'up\n')
      run.child.kill('SIGINT')
      await seen(run, 'no\n')
      // Two within 200 ms count as one, which a wrapper passed on.
      await new Promise((wake) => setTimeout(wake, 300))
      const { code, stderr } = await run.kill('SIGINT')
      expect(code, stderr).toBe(137)
      expect(stderr).toContain('troupe: killing the task; Ctrl-C again leaves it')
      expect(stderr).toContain(`troupe: ${driver}-kill Completed: stopped, exit 137`)
    })

    test('SIGHUP detaches, says how to come back, and the task goes on', async () => {
      const id = `${driver}-hup`
      const lines = 20
      const run = start('hup', counting(lines))
      await seen(run, 'line 2\n')
      const { code, stderr } = await run.kill('SIGHUP')
      expect(code, stderr).toBe(129)
      expect(stderr).toContain(`To attach again: "troupe logs -f ${id}" shows its output, "troupe wait ${id}" its end.`)
      const [logs, waited] = await Promise.all([cluster.troupe('logs', '-f', id), cluster.troupe('wait', id)])
      expect(logs, logs.stderr).toMatchObject({ code: 0, stdout: counted(lines) })
      expect(waited.code).toBe(5)
    })
  })
}

test('a reader that was too slow is told what it missed, and the bytes on both sides are right', async () => {
  const count = 900_000
  const script = `seq -f '%063.0f' 0 ${count - 1}; sleep 1`
  const run = cluster.start('run', '--id', 'overtaken', '--driver', 'process', '--', 'sh', '-c', script)
  run.child.stdout?.pause()
  await seen(run, 'troupe: task overtaken')
  expect((await cluster.troupe('wait', 'overtaken')).code).toBe(0)
  run.child.stdout?.resume()
  const { code, stdout, stderr } = await run.ended
  expect(code, stderr).toBe(0)
  const whole = Array.from({ length: count }, (_, at) => `${String(at).padStart(63, '0')}\n`).join('')
  const notes = stderr.match(/troupe: .* of stdout are missing here: .*/g)
  expect(notes).toHaveLength(1)
  const missing = whole.length - stdout.length
  expect(notes?.[0]).toContain(`troupe: ${(missing / 2 ** 20).toFixed(1)}MiB of stdout are missing here`)
  // Where two numbers in a row do not follow on each other; the gap may lie within a line.
  let line = 0
  while (stdout.startsWith(whole.slice(line * 64, line * 64 + 64), line * 64)) line += 1
  const [least, most] = [line * 64, line * 64 + 64]
  const places = Array.from({ length: most - least }, (_, at) => least + at)
  const isRight = (at: number) => whole.slice(0, at) + whole.slice(at + missing) === stdout
  expect(places.some(isRight)).toBe(true)
})

// Last, for it kills the manager and the worker that the others use.
test('after kill -9 of everything it attaches again, and prints the rest exactly once', async () => {
  const lines = 25
  const runs = drivers
    .filter(({ leftOut }) => !leftOut)
    .map(({ driver, flags }) => cluster.start('run', '--id', `${driver}-cut`, ...flags, 'sh', '-c', counting(lines)))
  await Promise.all(runs.map((run) => seen(run, 'line 3\n')))
  await up.kill('SIGKILL')
  await Promise.all(
    runs.map((run) => seen(run, 'troupe: the connection to the manager was lost; trying again for 30 s')),
  )
  up = cluster.startUp('--name', 'here')
  for (const run of runs) {
    const { code, stdout, stderr } = await run.ended
    expect({ code, stdout }, stderr).toEqual({ code: 5, stdout: counted(lines) })
    expect(stderr).toContain('troupe: connected again')
    // The transitions too: one start, one end.
    expect(stderr.match(/ Started /g)).toHaveLength(1)
    expect(stderr.match(/ Exited /g)).toHaveLength(1)
  }
  expect(existsSync(join(cluster.dir, 'data', 'token'))).toBe(true)
})
