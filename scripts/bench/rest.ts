/** What Troupe takes of the machine's memory while it has nothing to do. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Bench, figure, megabytes, type Row, type Size, scaled } from './bench.ts'
import { Program } from './program.ts'
import { childrenOf, pssBytesOf, usageOf } from './usage.ts'

const restMs = 10_000
const token = 'bench-token-of-no-worth'

async function run(size: Size): Promise<Row[]> {
  const dir = await mkdtemp(join(tmpdir(), 'troupe-bench-'))
  const programs: Program[] = []
  const start = (command: string, flags: readonly string[], ...args: string[]): Program => {
    const program = new Program([command, '--data-dir', join(dir, command), '--token', token, ...args], flags)
    programs.push(program)
    return program
  }
  try {
    const listen = ['--listen', '127.0.0.1:0']
    const up = start('up', size.managerFlags, ...listen)
    await up.said('inspector')
    const manager = start('manager', size.managerFlags, ...listen)
    const address = await manager.said('manager')
    const worker = start('worker', size.workerFlags, '--manager', address, '--driver', 'process')
    await worker.said('manager')
    const before = programs.map((program) => program.usage().cpuMs)
    const beganMs = performance.now()
    await new Promise((wake) => setTimeout(wake, scaled(restMs, size)))
    const seconds = (performance.now() - beganMs) / 1_000
    return ['up', 'manager', 'worker'].map((what, at) => {
      const program = programs[at] as Program
      const cpuMs = (program.usage().cpuMs - (before[at] as number)) / seconds
      return rowOf(`troupe ${what}`, program.pid, cpuMs)
    })
  } finally {
    for (const program of programs.reverse()) await program.close()
    await rm(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  }
}

/** The spawner, which a worker with the process driver keeps, on its own: it is shared by nobody, and must stay small. */
function rowOf(what: string, pid: number, cpuMs: number): Row {
  const spawners = childrenOf(pid)
  const sum = (of: (pid: number) => number, pids: readonly number[]) => pids.reduce((all, each) => all + of(each), 0)
  const rssOf = (each: number) => usageOf(each).rssBytes
  return {
    ...{ what, 'RSS MB': megabytes(rssOf(pid)), 'PSS MB': megabytes(pssBytesOf(pid)) },
    'spawner RSS MB': spawners.length === 0 ? '' : megabytes(sum(rssOf, spawners)),
    'spawner PSS MB': spawners.length === 0 ? '' : megabytes(sum(pssBytesOf, spawners)),
    'CPU-ms per s': figure(cpuMs),
  }
}

export const rest: Bench = { name: 'rest', what: 'memory at rest, after 10 s', run }
