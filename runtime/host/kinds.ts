/**
 * The kinds of actors and what of each is kept: DESIGN section 4's table of durability, as code.
 *
 * | kind                       | kept                                                                     |
 * |----------------------------|--------------------------------------------------------------------------|
 * | task                       | every change, synced before anyone hears of it                           |
 * | attempt                    | the same, of what is reported; not that its end was taken note of, which |
 * |                            | its manager says again                                                   |
 * | node                       | registration and admission; its liveness changes unseen by the disk      |
 * | session, worker, manager   | nothing                                                                  |
 */
import type { AnyMachineSnapshot, AnyStateMachine } from 'xstate'
import { type AttemptContext, attemptMachine } from '../../actors/attempt.ts'
import { managerMachine } from '../../actors/manager.ts'
import { type NodeContext, nodeMachine } from '../../actors/node.ts'
import { sessionMachine } from '../../actors/session.ts'
import { restore } from '../../actors/step.ts'
import { type TaskContext, taskMachine } from '../../actors/task.ts'
import { workerMachine } from '../../actors/worker.ts'

export type KindName = 'task' | 'attempt' | 'node' | 'session' | 'worker' | 'manager'

export interface Kind {
  readonly machine: AnyStateMachine
  /** Of the shape of its record. An older one goes through `migrate`, step by step; a newer one is set aside. */
  readonly version: number
  readonly migrate: readonly ((snapshot: unknown) => unknown)[]
  /** Whether this step must be on disk before anyone hears of it. */
  keeps(before: AnyMachineSnapshot | undefined, after: AnyMachineSnapshot): boolean
  /** Whether a final one's record is deleted; otherwise it stays to be read, and is not loaded again. */
  readonly deletesFinal: boolean
  /** What becomes of an actor whose machine threw. It fails its own task, with the reason, and nothing else. */
  fail(snapshot: AnyMachineSnapshot, reason: string, atMs: number): AnyMachineSnapshot
}

const always = () => true
const never = () => false

/** An actor whose machine threw stops where it is; its host tells the operator. */
const stopInPlace: Kind['fail'] = (snapshot, reason) =>
  ({ ...snapshot, status: 'error', error: reason }) as unknown as AnyMachineSnapshot

/** Nothing was taken in; its worker or an operator can tell it again. */
const stayAsItWas: Kind['fail'] = (snapshot) => snapshot

/** Its end, so that its task fails with the reason; the driver removes what may still run, once the manager knows. */
function failAttempt(snapshot: AnyMachineSnapshot, reason: string, atMs: number): AnyMachineSnapshot {
  const before = snapshot.context as AttemptContext
  const message = `its machine threw: ${reason}`
  const context: AttemptContext = {
    ...before,
    seq: before.seq + 1,
    endedAtMs: before.endedAtMs ?? atMs,
    end: before.end ?? { kind: 'startFailed', code: 'start-failed', message, retryable: false },
  }
  return restore(attemptMachine, { status: 'active', value: 'Ended', context })
}

function failTask(snapshot: AnyMachineSnapshot, reason: string, atMs: number): AnyMachineSnapshot {
  const context: TaskContext = {
    ...(snapshot.context as TaskContext),
    outcome: 'error',
    reason: `its machine threw: ${reason}`,
    finishedAtMs: atMs,
  }
  return restore(taskMachine, { status: 'done', value: 'Failed', context })
}

const seqOf = (snapshot: AnyMachineSnapshot | undefined): number | undefined =>
  (snapshot?.context as AttemptContext | undefined)?.seq

const versionOf = (snapshot: AnyMachineSnapshot | undefined): number | undefined =>
  (snapshot?.context as NodeContext | undefined)?.version

export const kinds: Readonly<Record<KindName, Kind>> = {
  task: { machine: taskMachine, version: 1, migrate: [], keeps: always, deletesFinal: false, fail: failTask },
  attempt: {
    machine: attemptMachine,
    version: 1,
    migrate: [],
    // An end that was acknowledged, and one that is only reported, differ by nothing that a crash could lose: after it the
    // end is reported again, acknowledged again, and what is left is removed then.
    keeps: (before, after) => seqOf(before) !== seqOf(after) || after.status !== 'active',
    deletesFinal: true,
    fail: failAttempt,
  },
  node: {
    machine: nodeMachine,
    version: 1,
    migrate: [],
    keeps: (before, after) => versionOf(before) !== versionOf(after),
    deletesFinal: false,
    fail: stayAsItWas,
  },
  session: { machine: sessionMachine, version: 1, migrate: [], keeps: never, deletesFinal: false, fail: stopInPlace },
  worker: { machine: workerMachine, version: 1, migrate: [], keeps: never, deletesFinal: false, fail: stopInPlace },
  manager: { machine: managerMachine, version: 1, migrate: [], keeps: never, deletesFinal: false, fail: stopInPlace },
}
