/** The benches run as they are meant to, very small: what they measure is nobody's promise, that they measure is. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const run = promisify(execFile)

interface Tables {
  readonly machine: string
  readonly tables: Readonly<Record<string, readonly Readonly<Record<string, string | number>>[]>>
}

const all = [
  ...['subscribers', 'stalled', 'asks', 'inspection', 'lives', 'docker', 'placements'],
  ...['processes', 'memory', 'startup', 'rest'],
]

test('each bench comes out with its table, and nobody missed an end', async () => {
  const args = ['--import', 'tsx', join(root, 'scripts', 'bench.ts'), '--scale', '0.01', '--json']
  const { stdout } = await run(process.execPath, args, { cwd: root, timeout: 400_000 })
  const { tables } = JSON.parse(stdout) as Tables
  expect(Object.keys(tables)).toEqual(all)
  const { subscribers, stalled, asks, inspection, lives, docker, placements, processes, memory, startup, rest } = tables
  expect(subscribers).toHaveLength(1)
  expect(subscribers?.[0]).toMatchObject({ subscribers: 101, 'ends missed': 0 })
  expect(subscribers?.[0]?.heard).toBeGreaterThan(0)
  expect(stalled?.map((row) => row['a stalled reader'])).toEqual([
    'without',
    'with',
    'without',
    'with',
    'with / without',
  ])
  expect(asks).toHaveLength(6)
  for (const row of asks ?? []) expect(row['answers/s']).toBeGreaterThan(0)
  expect(inspection?.map((row) => row.watched)).toEqual(['nobody', 'the cluster', 'each task'])
  expect(inspection?.at(-1)?.['steps told']).toBeGreaterThan(0)
  expect(lives?.map((row) => row['in flight'])).toEqual([1, 50, 1_000])
  // Of each of them the bench itself demands its whole path in the log.
  for (const row of lives ?? []) expect(row['whole in log']).toBeGreaterThan(0)
  if (process.env.TROUPE_TEST_WITHOUT_ENGINE) expect(docker).toMatchObject([{ 'left out': expect.any(String) }])
  else expect(docker?.map(({ ours, bare }) => [typeof ours, typeof bare])).toEqual(Array(3).fill(['number', 'number']))
  expect(processes?.map((row) => row['in flight'])).toEqual([1, 50])
  for (const row of processes ?? []) expect(row['tasks/s']).toBeGreaterThan(0)
  expect(memory?.map((row) => row.tasks)).toEqual([1_000, 1_000])
  expect(startup?.map((row) => row.tasks)).toEqual([0, 1_000, 1_000])
  expect(rest?.map((row) => row.what)).toEqual(['troupe up', 'troupe manager', 'troupe worker'])
  for (const row of rest ?? []) expect(row['RSS MB']).toBeGreaterThan(0)
  expect(placements).toHaveLength(24)
  for (const row of placements ?? []) expect(row['placements/s']).toBeGreaterThan(0)
}, 440_000)

test('an unknown bench is refused, and those that there are are named', async () => {
  const args = ['--import', 'tsx', join(root, 'scripts', 'bench.ts'), '--only', 'nothing']
  const failure = await run(process.execPath, args, { cwd: root, timeout: 400_000 }).catch((error: unknown) => error)
  expect(failure).toMatchObject({
    code: 2,
    stderr: expect.stringContaining([...all, 'million'].join(', ')),
  })
})
