/** The sample set of tasks that `scripts/start` shows, each with what it must come to. */
import type { TaskRow } from './cli.ts'

export interface SampleTask {
  readonly name: string
  /** One sentence for people. */
  readonly shows: string
  /** What `troupe run` gets beyond the driver and the id. */
  readonly flags: readonly string[]
  /** A script for `sh -c`. */
  readonly script: string
  /** Stopped from outside once it says this on stdout. */
  readonly stopAt?: string
  readonly expected: Partial<Pick<TaskRow, 'state' | 'outcome' | 'exitCode' | 'attempt'>>
  /** What its stdout must hold. */
  readonly says: string
}

const succeeded = { state: 'Completed', outcome: 'succeeded', exitCode: 0 }

export const sampleTasks: readonly SampleTask[] = [
  {
    name: 'hello',
    shows: 'says hello and ends well',
    flags: [],
    script: 'echo "hello from $(hostname)"',
    expected: { ...succeeded, attempt: 1 },
    says: 'hello from',
  },
  {
    name: 'counter',
    shows: 'counts to three, a step each half second',
    flags: ['--cpus', '0.2', '--memory', '64m'],
    script: 'for step in 1 2 3; do echo "step $step of 3"; sleep 0.5; done',
    expected: { ...succeeded, attempt: 1 },
    says: 'step 3 of 3',
  },
  {
    name: 'retry',
    shows: 'exits with 3 at its first attempt and ends well at its second',
    flags: ['--restart', 'on-failure', '--max-restarts', '3'],
    // The attempt's identity ends in its number, alone or after the task's id.
    script: 'case "$TROUPE_ATTEMPT" in 1|*.1) echo "failing once"; exit 3;; esac; echo "well at last"',
    expected: { ...succeeded, attempt: 2 },
    says: 'well at last',
  },
  {
    name: 'stopped',
    shows: 'would run for an hour and is stopped',
    flags: ['--stop-timeout', '2s'],
    script: 'echo "waiting to be stopped"; exec sleep 3600',
    stopAt: 'waiting to be stopped',
    expected: { state: 'Completed', outcome: 'stopped' },
    says: 'waiting to be stopped',
  },
]

/** What of a task's end is not as it must be, as a sentence; undefined when all is well. */
export function wrongWith(task: SampleTask, row: TaskRow | undefined, stdout: string): string | undefined {
  if (!row) return 'the manager does not know it'
  for (const [field, value] of Object.entries(task.expected)) {
    const found = row[field as keyof TaskRow]
    if (found !== value) return `its ${field} is ${found} instead of ${value}${row.reason ? ` (${row.reason})` : ''}`
  }
  return stdout.includes(task.says) ? undefined : `it never said "${task.says}" on stdout`
}
