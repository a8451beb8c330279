/** The part of the driver conformance suite about what attempts use. A driver without `stats` promises none of it. */
import type { ConformanceTools, Define } from './driver.ts'

/** How long a figure may take to rise, in milliseconds. */
const patienceMs = 30_000

/** Defines the tests. */
export function figures(define: Define, { expect }: ConformanceTools): void {
  define('stats: it is there if the driver says so', async (cast) => {
    const { driver } = await cast.open()
    expect(driver.stats !== undefined).toBe(driver.supports.stats)
  })

  define('stats: of what runs the CPU time rises and memory is used; of what does not, nothing', async (cast) => {
    const { driver, ended } = await cast.open()
    if (driver.stats === undefined) return
    const key = cast.key()
    expect(await driver.stats(key)).toBe(undefined)
    await cast.start(driver, key, 'use-cpu')
    await cast.printed(driver, key, 'ready\n')
    const first = await driver.stats(key)
    expect(first !== undefined, 'something runs').toBe(true)
    expect(first?.memoryBytes ?? 0).toBeGreaterThanOrEqual(1)
    expect(Number.isInteger(first?.atMs) && Number.isInteger(first?.memoryBytes)).toBe(true)
    const deadlineMs = performance.now() + patienceMs
    let last = first
    while ((last?.cpuMs ?? 0) <= (first?.cpuMs ?? 0)) {
      expect(performance.now(), 'the CPU time has not risen').toBeLessThanOrEqual(deadlineMs)
      const next = await driver.stats(key)
      expect(next?.cpuMs ?? 0, 'CPU time never falls').toBeGreaterThanOrEqual(last?.cpuMs ?? 0)
      expect(next?.atMs ?? 0).toBeGreaterThanOrEqual(last?.atMs ?? 0)
      last = next
    }
    await driver.stop(key, 0)
    await ended(key)
    expect(await driver.stats(key)).toBe(undefined)
  })

  define('stats: a driver tells nothing of what another node runs', async (cast) => {
    const mine = await cast.open('node-a')
    if (mine.driver.stats === undefined) return
    const other = await cast.open('node-b')
    const key = cast.key()
    await cast.start(mine.driver, key, 'sleep-long')
    await mine.told(key, 'Started')
    expect((await mine.driver.stats(key)) !== undefined).toBe(true)
    expect(await other.driver.stats?.(key)).toBe(undefined)
  })
}
