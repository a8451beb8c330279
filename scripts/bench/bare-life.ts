/** What the state machines of one life take by themselves: the task's and the attempt's, stepped without a host. */
import type { AnyStateMachine } from 'xstate'
import { built } from './built.ts'

type Step = typeof import('../../actors/step.ts')
type Event = { readonly type: string } & Readonly<Record<string, unknown>>

const warmLives = 20_000
const atMs = 1_700_000_000_000
const spec = { driver: 'process' as const, command: ['true'] }
const key = { taskId: 't0', attempt: 1 }
const reserved = { cpus: 0, memoryBytes: 0 }

const taskEvents: readonly Event[] = [
  {
    ...{ type: 'Placed', nodeId: 'n', nodeName: 'idle' },
    decision: { scheduler: 'round-robin', atMs, nodeId: 'n', why: null, scores: [] },
  },
  { type: 'Started', startedAtMs: atMs },
  { type: 'Exited', exitCode: 0 },
]
const attemptEvents: readonly Event[] = [
  { type: 'Started', occurredAtMs: atMs },
  { type: 'Exited', occurredAtMs: atMs, exitCode: 0 },
  { type: 'Acknowledged' },
  { type: 'Absent' },
  { type: 'Removed' },
]

/** Microseconds of processor time of a life, the mean over so many; the steps are those that manager and worker take, with stamps on all. */
export async function bareLifeMicros(lives: number): Promise<number> {
  const steps = await built<Step>('actors/step.js')
  const { taskMachine } = await built<typeof import('../../actors/task.ts')>('actors/task.js')
  const { attemptMachine } = await built<typeof import('../../actors/attempt.ts')>('actors/attempt.js')
  const run = (machine: AnyStateMachine, input: unknown, events: readonly Event[]): void => {
    let { snapshot } = steps.initialStep(machine, input)
    for (const event of events) snapshot = steps.step(machine, snapshot, { ...event, atMs, roll: 0.5 }).snapshot
    if (snapshot.status !== 'done') throw new Error(`a life of ${machine.id} did not come to its end`)
  }
  const attempt = { key, spec, graceMs: 10_000, stopAfterMs: undefined, action: 'run', reserved, atMs }
  const live = (count: number) => {
    for (let left = count; left > 0; left -= 1) {
      run(taskMachine, { taskId: key.taskId, spec, atMs }, taskEvents)
      run(attemptMachine, attempt, attemptEvents)
    }
  }
  live(Math.min(lives, warmLives))
  const began = process.cpuUsage()
  live(lives)
  const { user, system } = process.cpuUsage(began)
  return (user + system) / lives
}
