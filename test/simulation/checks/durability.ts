/**
 * Nobody hears of what a crash could take back: whatever is heard on the wire or done by an engine is looked up on the
 * disk of whoever said it, at that very moment. This needs no crash to find what a crash would.
 */
import type { AttemptContext } from '../../../actors/attempt.ts'
import { type AttemptKey, type AttemptStatus, attemptName, type TaskView } from '../../../actors/model.ts'
import type { DesiredAttempt } from '../../../actors/protocol/session.ts'
import type { TaskContext } from '../../../actors/task.ts'
import { type ActorRecord, decodeRecord } from '../../../runtime/host/record.ts'
import type { Disk } from '../disk.ts'
import type { World } from '../world.ts'

const promise = 'nobody hears of what is not stored'

/** By its bytes, which nobody changes in place: most of what is looked up was looked up before. */
const decoded = new WeakMap<Uint8Array, ActorRecord>()

function recordOf(disk: Disk, key: string): ActorRecord | undefined {
  const bytes = disk.last(key)
  if (bytes === undefined) return undefined
  const known = decoded.get(bytes) ?? (decodeRecord(bytes) as ActorRecord)
  decoded.set(bytes, known)
  return known
}

/** Whether the manager has this attempt as the open one of its task. */
export function isOpenAttempt(manager: Disk, { taskId, attempt }: AttemptKey): boolean {
  const record = recordOf(manager, `task/${taskId}`)
  if (record?.snapshot.status !== 'active') return false
  const isPending = typeof record.snapshot.value === 'object' && 'Pending' in record.snapshot.value
  return !isPending && (record.snapshot.context as TaskContext).attempt === attempt
}

/** A client was shown a task: its record is at least as new. */
export function checkShown(world: World, manager: Disk, view: TaskView): void {
  const record = recordOf(manager, `task/${view.id}`)
  if (record !== undefined && record.revision >= view.revision) return
  world.violated(promise, `${view.id} was shown at ${view.revision}, and stored at ${record?.revision ?? 'no time'}`)
}

/** A worker was told to run or stop an attempt: its task knows of that attempt. */
export function checkDesired(world: World, manager: Disk, { taskId, attempt }: DesiredAttempt): void {
  const context = recordOf(manager, `task/${taskId}`)?.snapshot.context as TaskContext | undefined
  if ((context?.attempt ?? 0) >= attempt) return
  world.violated(promise, `${taskId}.${attempt} was desired, and the task is stored with attempt ${context?.attempt}`)
}

/** A worker was told that an end is stored: the task has no such attempt open any more. */
export function checkAcknowledged(world: World, manager: Disk, { taskId, attempt }: AttemptKey): void {
  if (!isOpenAttempt(manager, { taskId, attempt })) return
  world.violated(promise, `the end of ${taskId}.${attempt} was acknowledged, and is not stored`)
}

/** A manager was told of an attempt: its worker has stored as much, or removed it since. */
export function checkReported(world: World, worker: Disk, status: AttemptStatus): void {
  const key = `attempt/${attemptName(status)}`
  // What it had reported may come late, when its record was damaged and begun anew.
  if (worker.damaged.has(key)) return
  const context = recordOf(worker, key)?.snapshot.context as AttemptContext | undefined
  if (context === undefined ? status.end !== undefined : context.seq >= status.seq) return
  world.violated(
    promise,
    `${attemptName(status)} was reported at ${status.seq}, and stored at ${context?.seq ?? 'no time'}`,
  )
}

/** A container was started: the intent was stored before. */
export function checkIntent(world: World, worker: Disk, key: AttemptKey): void {
  if (worker.get(`attempt/${attemptName(key)}`) !== undefined) return
  world.violated(promise, `${attemptName(key)} was started, and the intent to start it is not stored`)
}
