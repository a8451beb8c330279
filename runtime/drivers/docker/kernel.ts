/**
 * What the kernel of the worker's machine tells of memory, if the engine's containers run under it: with a remote engine,
 * or one in a virtual machine, they do not.
 */
import { readFileSync } from 'node:fs'
import type { ContainerView } from './container.ts'

export interface Kernel {
  /** Whether this container runs under it. */
  runs(view: ContainerView): boolean
  /** How many processes it has ever killed for want of memory, in all groups; counted before the process dies. Undefined: it does not say. */
  oomKills(): number | undefined
}

export const localKernel: Kernel = {
  runs: ({ pid, id }) => pid !== undefined && read(`/proc/${pid}/cgroup`).includes(id),
  oomKills() {
    const [, count] = /^oom_kill (\d+)$/m.exec(read('/proc/vmstat')) ?? []
    return count === undefined ? undefined : Number(count)
  },
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
