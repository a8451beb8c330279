/** What Linux says of processes in /proc: which boot this is, who lives, and who bears an attempt's mark. */
import { readdir, readFile, readFileSync } from 'node:fs'
import type { Started } from './folder.ts'

/** The variable by which every process of an attempt can be told, wherever it hides: `<cluster>/<node>/<task>.<n>`. */
export const refVariable = 'TROUPE_REF'

export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

export interface ProcessStat {
  /** One letter; `Z` and `X` have ended and wait for their parent. */
  readonly state: string
  readonly startTicks: number
}

/** The process of that pid, or undefined if there is none. Throws if it cannot be asked, which proves nothing. */
export function readStat(pid: number): ProcessStat | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
  // The name in brackets may hold anything, brackets and spaces too, so fields count from its last bracket.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', startTicks: Number(fields[19]) }
}

/** Whether this very process still runs. One that nobody reaps has ended all the same. */
export function isRunning(started: Pick<Started, 'pid' | 'startTicks'>): boolean {
  const stat = readStat(started.pid)
  return stat !== undefined && stat.startTicks === started.startTicks && stat.state !== 'Z' && stat.state !== 'X'
}

/** Sends a signal to every member of the group that the process leads or led. False if nobody is left in it. */
export function signalGroup(started: Pick<Started, 'pid' | 'startTicks'>, signal: NodeJS.Signals): boolean {
  const leader = readStat(started.pid)
  // The number of a group is free again once its last member is gone; then its new owner is none of ours.
  if (leader !== undefined && leader.startTicks !== started.startTicks) return false
  try {
    process.kill(-started.pid, signal)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/**
 * Finds processes by their mark. One look at /proc answers all who asked before it began, so that a thousand ends at
 * once cost a few looks and not a thousand.
 */
export class MarkFinder {
  #current: Promise<unknown> = Promise.resolve()
  #next: Promise<Map<string, number[]>> | undefined

  /** The pids of living processes that bear the mark now. */
  async find(ref: string): Promise<number[]> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined
      const look = lookForMarks()
      this.#current = look.catch(() => undefined)
      return look
    })
    return (await this.#next).get(ref) ?? []
  }
}

/** Kills whoever bears the mark, and whoever they start meanwhile. Resolves once a look finds nobody. */
export async function killMarked(finder: MarkFinder, ref: string): Promise<void> {
  for (let round = 0; round < killRoundsMax; round++) {
    const pids = await finder.find(ref)
    if (pids.length === 0) return
    for (const pid of pids) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself meanwhile.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, killPauseMs))
  }
  throw new Error(`Processes marked ${ref} are still there after ${killRoundsMax} tries to kill them.`)
}

/** What does not end within this many looks is stuck in the kernel, and waiting longer is of no use. */
const killRoundsMax = 100
/** Between two looks, in milliseconds: about what the kernel needs to take a killed process down. */
const killPauseMs = 20
/** How many are read at once; more only keeps the threads of the file system busy. */
const readsAtOnceMax = 8

async function lookForMarks(): Promise<Map<string, number[]>> {
  const names = await new Promise<string[]>((resolve, reject) =>
    readdir('/proc', (error, found) => (error ? reject(error) : resolve(found))),
  )
  const pids = names.map(Number).filter((pid) => pid > 0 && pid !== process.pid)
  const found = new Map<string, number[]>()
  const next = async (): Promise<void> => {
    for (let pid = pids.pop(); pid !== undefined; pid = pids.pop()) {
      const ref = await readMark(pid)
      if (ref === undefined) continue
      const marked = found.get(ref)
      if (marked) marked.push(pid)
      else found.set(ref, [pid])
    }
  }
  await Promise.all(Array.from({ length: readsAtOnceMax }, next))
  return found
}

const needle = Buffer.from(`${refVariable}=`)

/** The mark in a process's environment. What has ended has none left, nor has what we may not look at. */
function readMark(pid: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    readFile(`/proc/${pid}/environ`, (error, environ) => {
      if (error) return resolve(undefined)
      let at = environ.indexOf(needle)
      while (at > 0 && environ[at - 1] !== 0) at = environ.indexOf(needle, at + 1)
      if (at < 0) return resolve(undefined)
      const end = environ.indexOf(0, at)
      resolve(environ.toString('utf8', at + needle.length, end < 0 ? environ.length : end))
    })
  })
}
