/**
 * What the processes of an attempt use, read from /proc: those of the session that its main process leads, and whoever
 * they started, also in a session of its own. A daemon that has left both its session and its parents is not found.
 */
import { readdir, readFile } from 'node:fs/promises'
import type { AttemptStats } from '../../../actors/usage.ts'
import type { Clock } from '../../clock.ts'

/** Ticks of a second in /proc: USER_HZ, the same on every Linux that Node runs on. */
const ticksPerSecond = 100
export const usageLimits = {
  /** How old a look at all processes may be, in milliseconds: one at 300 of them takes some 50 of processor time. */
  lookMs: 500,
} as const
/** How many files are read at once; more only keeps the threads of the file system busy. */
const readsAtOnceMax = 8

/** What /proc/<pid>/stat says of a process, as far as it matters here. */
export interface ProcessLine {
  readonly pid: number
  readonly parent: number
  readonly session: number
  /** CPU time of its own and of the children that it has waited for, in milliseconds. */
  readonly cpuMs: number
}

/** Reads a line of /proc/<pid>/stat; undefined if it is none, or of one that has ended and only waits for its parent. */
export function parseStatLine(text: string): ProcessLine | undefined {
  // The name in brackets may hold anything, brackets and spaces too, so fields count from its last bracket.
  const close = text.lastIndexOf(')')
  const pid = Number.parseInt(text, 10)
  const fields = text.slice(close + 2).split(' ')
  const [state = ''] = fields
  const number = (field: number): number => Number(fields[field - 3])
  // utime, stime, cutime, cstime: fields 14 to 17 of proc(5). What waits for its parent is not in that one's sum yet.
  const ticks = number(14) + number(15) + number(16) + number(17)
  if (close < 0 || !(pid > 0) || !Number.isFinite(ticks) || state === 'X') return undefined
  return { pid, parent: number(4), session: number(6), cpuMs: (ticks * 1_000) / ticksPerSecond }
}

/** Bytes that stand in memory, of /proc/<pid>/status; 0 of one that has none, as a kernel's thread. */
export function parseResidentBytes(status: string): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024
}

/** Those of the session that `leader` leads, and all that descend from them. */
export function membersOf(lines: readonly ProcessLine[], leader: number): ProcessLine[] {
  const children = new Map<number, ProcessLine[]>()
  for (const line of lines) {
    const siblings = children.get(line.parent)
    if (siblings) siblings.push(line)
    else children.set(line.parent, [line])
  }
  const members = new Map<number, ProcessLine>()
  const open = lines.filter(({ session, pid }) => session === leader || pid === leader)
  for (let line = open.pop(); line !== undefined; line = open.pop()) {
    if (members.has(line.pid)) continue
    members.set(line.pid, line)
    open.push(...(children.get(line.pid) ?? []))
  }
  return [...members.values()]
}

/** All processes of the machine, as they were at one moment. */
interface Look {
  readonly lines: readonly ProcessLine[]
  readonly atMs: number
  readonly uptimeMs: number
}

/** Reads all processes of this machine: now and then, however many attempts are measured. */
export class ProcessTable {
  readonly #clock: Clock
  readonly #read: () => Promise<readonly ProcessLine[]>
  #newest: Look | undefined
  #looking: Promise<Look> | undefined

  constructor(clock: Clock, read: () => Promise<readonly ProcessLine[]> = readAll) {
    this.#clock = clock
    this.#read = read
  }

  /** The use of the processes around `leader`; undefined if there are none. */
  async usageOf(leader: number): Promise<AttemptStats | undefined> {
    const known = this.#newest
    const isRecent = known !== undefined && this.#clock.uptimeMs() - known.uptimeMs < usageLimits.lookMs
    let look = isRecent ? known : await this.#look()
    let members = membersOf(look.lines, leader)
    if (members.length === 0 && isRecent) {
      // It may have started since.
      look = await this.#look()
      members = membersOf(look.lines, leader)
    }
    if (members.length === 0) return undefined
    let memoryBytes = 0
    for (const { pid } of members) {
      // One that has ended meanwhile uses none.
      memoryBytes += parseResidentBytes(await readFile(`/proc/${pid}/status`, 'latin1').catch(() => ''))
    }
    const cpuMs = members.reduce((sum, line) => sum + line.cpuMs, 0)
    return { atMs: look.atMs, cpuMs, memoryBytes, pids: members.length }
  }

  /** One look answers all who ask before it is done. */
  #look(): Promise<Look> {
    this.#looking ??= this.#take().finally(() => {
      this.#looking = undefined
    })
    return this.#looking
  }

  async #take(): Promise<Look> {
    const lines = await this.#read()
    this.#newest = { lines, atMs: this.#clock.nowMs(), uptimeMs: this.#clock.uptimeMs() }
    return this.#newest
  }
}

async function readAll(): Promise<ProcessLine[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines: ProcessLine[] = []
  const next = async (): Promise<void> => {
    for (let pid = pids.pop(); pid !== undefined; pid = pids.pop()) {
      const line = parseStatLine(await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => ''))
      if (line !== undefined) lines.push(line)
    }
  }
  await Promise.all(Array.from({ length: readsAtOnceMax }, next))
  return lines
}
