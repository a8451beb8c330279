/** What the kernel and the Docker engine say of use, read as it was written by real ones. */
import { describe, expect, test } from 'vitest'
import { type ContainerStats, usageOf } from '../../runtime/drivers/docker/usage.ts'
import {
  membersOf,
  ProcessTable,
  parseResidentBytes,
  parseStatLine,
  usageLimits,
} from '../../runtime/drivers/process/usage.ts'
import { ManualClock } from './manager-clock.ts'

const tail = '0 20 0 1 0 3551 2658304 181 18446744073709551615'

describe('a line of /proc/<pid>/stat', () => {
  test('has its times, its own and of children that it has waited for, in milliseconds', () => {
    expect(parseStatLine(`4242 (sh) S 4200 4242 4242 0 -1 4194560 96 0 0 0 12 3 40 5 ${tail}`)).toEqual({
      ...{ pid: 4242, parent: 4200, session: 4242 },
      cpuMs: 600,
    })
  })

  test('is read behind a name of any kind', () => {
    expect(parseStatLine(`7 (a) S 1 (b) R 3 4 9 0 -1 0 0 0 0 0 1 0 0 0 ${tail}`)).toMatchObject({
      ...{ pid: 7, parent: 3, session: 9, cpuMs: 10 },
    })
  })

  test.each(['', 'nonsense', '7 (a) X 1 1 1', '7 (a) S 1 1'])('is none: %j', (text) => {
    expect(parseStatLine(text)).toBeUndefined()
  })
})

test('resident memory is in kB, and a kernel thread has none', () => {
  expect(parseResidentBytes('Name:\tsh\nVmPeak:\t 9000 kB\nVmRSS:\t     724 kB\nRssAnon:\t 80 kB\n')).toBe(724 * 1_024)
  expect(parseResidentBytes('Name:\tkthreadd\n')).toBe(0)
})

test('all processes are looked at now and then, however many attempts are measured, and for one that is new', async () => {
  const clock = new ManualClock(async () => {})
  const lines = [{ pid: 2 ** 30, parent: 1, session: 2 ** 30, cpuMs: 7 }]
  let looks = 0
  const table = new ProcessTable(clock, async () => {
    looks += 1
    return [...lines]
  })
  const ask = () => table.usageOf(2 ** 30)
  const first = await ask()
  expect(first).toEqual({ atMs: clock.nowMs(), cpuMs: 7, memoryBytes: 0, pids: 1 })
  for (let at = 0; at < 20; at += 1) expect(await ask()).toEqual(first)
  expect(looks).toBe(1)
  lines.push({ pid: 2 ** 30 + 1, parent: 1, session: 2 ** 30 + 1, cpuMs: 1 })
  expect(await table.usageOf(2 ** 30 + 1)).toMatchObject({ cpuMs: 1 })
  expect(looks).toBe(2)
  await clock.advance(usageLimits.lookMs)
  await Promise.all([ask(), ask(), ask()])
  expect(looks).toBe(3)
})

test('the processes of an attempt are its session, and whoever descends from it', () => {
  const line = (pid: number, parent: number, session: number) => ({ pid, parent, session, cpuMs: 1 })
  const all = [
    ...[line(1, 0, 1), line(10, 1, 10), line(11, 10, 10), line(12, 11, 12), line(13, 12, 12)],
    // Its parent has ended, and it is still of the session; and two that have nothing to do with it.
    ...[line(14, 1, 10), line(20, 1, 20), line(21, 20, 20)],
  ]
  const pids = membersOf(all, 10).map(({ pid }) => pid)
  expect(pids.sort()).toEqual([10, 11, 12, 13, 14])
  expect(membersOf(all, 99)).toEqual([])
})

describe('an answer of the engine', () => {
  const answer: ContainerStats = {
    read: '2026-11-22T23:59:01.123456789Z',
    cpu_stats: { cpu_usage: { total_usage: 2_500_000_000 } },
    memory_stats: { usage: 10_000_000, limit: 67_108_864, stats: { inactive_file: 4_000_000 } },
    networks: { eth0: { rx_bytes: 100, tx_bytes: 7 }, eth1: { rx_bytes: 20, tx_bytes: 1 } },
    pids_stats: { current: 3 },
  }

  test('counts memory without what only caches files, and all networks', () => {
    expect(usageOf(answer, 0)).toEqual({
      ...{ atMs: Date.parse('2026-11-22T23:59:01.123Z'), cpuMs: 2_500, memoryBytes: 6_000_000, pids: 3 },
      ...{ memoryLimitBytes: 67_108_864, netRxBytes: 120, netTxBytes: 8 },
    })
  })

  test('of cgroup v1 has the cache of all its groups', () => {
    const memory = { usage: 10_000_000, stats: { inactive_file: 1, total_inactive_file: 9_000_000 } }
    expect(usageOf({ ...answer, memory_stats: memory }, 0)).toMatchObject({ memoryBytes: 1_000_000 })
  })

  test('has no limit where the engine has none, and no network on that of its machine', () => {
    const { networks: _none, ...without } = answer
    const usage = usageOf({ ...without, memory_stats: { usage: 5, limit: 18446744073709552000 } }, 0)
    expect(usage).toEqual({ atMs: Date.parse('2026-11-22T23:59:01.123Z'), cpuMs: 2_500, memoryBytes: 5, pids: 3 })
  })

  test('about what does not run is nothing', () => {
    const empty = { read: '0001-01-01T00:00:00Z', cpu_stats: { cpu_usage: { total_usage: 0 } }, memory_stats: {} }
    expect(usageOf({ ...empty, pids_stats: {} }, 5)).toBeUndefined()
  })

  test('without a time counts from when it came', () => {
    expect(usageOf({ ...answer, read: '0001-01-01T00:00:00Z' }, 5)).toMatchObject({ atMs: 5 })
  })
})
