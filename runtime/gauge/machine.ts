/** The gauge of the machine that this process runs on: /proc where there is one, and else what Node knows. */
import { readFile, statfs } from 'node:fs/promises'
import { cpus, freemem, loadavg, totalmem } from 'node:os'
import type { Gauge, MachineReading } from './gauge.ts'

/** Ticks of a second in /proc: USER_HZ, the same on every Linux that Node runs on. */
const ticksPerSecond = 100

/** `dir`: the folder whose file system is meant by disk; absent: none. */
export function createMachineGauge(dir: string | undefined): Gauge {
  return {
    async read(): Promise<MachineReading> {
      const [stat, meminfo, disk] = await Promise.all([
        readFile('/proc/stat', 'latin1').catch(() => ''),
        readFile('/proc/meminfo', 'latin1').catch(() => ''),
        dir === undefined ? undefined : statfs(dir).catch(() => undefined),
      ])
      return {
        cpuBusyMs: parseBusyMs(stat) ?? busyMsOf(cpus()),
        memoryBytes: parseMemoryInUse(meminfo) ?? totalmem() - freemem(),
        load1: loadavg()[0] ?? 0,
        ...(disk === undefined
          ? {}
          : { diskFreeBytes: disk.bavail * disk.bsize, diskTotalBytes: disk.blocks * disk.bsize }),
      }
    },
  }
}

/** Of the first line of /proc/stat: everything but idle time and waiting for disks. */
export function parseBusyMs(stat: string): number | undefined {
  const match = /^cpu +(.+)$/m.exec(stat)
  if (match === null) return undefined
  // What guests have used is in `user` and `nice` as well.
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (match[1] as string)
    .split(' ')
    .map(Number)
  const ticks = user + nice + system + irq + softirq + steal
  return Number.isFinite(ticks) ? (ticks * 1_000) / ticksPerSecond : undefined
}

/** Of /proc/meminfo: all but what is available, in bytes. */
export function parseMemoryInUse(meminfo: string): number | undefined {
  const kilobytes = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1])
  const bytes = (kilobytes('MemTotal') - kilobytes('MemAvailable')) * 1_024
  return Number.isFinite(bytes) ? Math.max(0, bytes) : undefined
}

const busyMsOf = (cores: ReturnType<typeof cpus>): number =>
  cores.reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)
