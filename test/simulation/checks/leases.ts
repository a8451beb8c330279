/** Leases are volatile: a manager that has just begun gives every node a full one, however long it was away itself. */
import type { TaskEvent } from '../../../actors/model.ts'
import { decodeRecord } from '../../../runtime/host/record.ts'
import { livenessDefaults } from '../../../runtime/manager/liveness.ts'
import type { Disk } from '../disk.ts'
import type { World } from '../world.ts'

/** `bornMs`: when the manager that writes to this disk began. */
export function watchLeases(world: World, manager: Disk, bornMs: () => number): void {
  manager.onSecured = (ops) => {
    const ageMs = world.timeline.nowMs - bornMs()
    if (ageMs >= livenessDefaults.leaseMs) return
    for (const op of ops) {
      if (op.type !== 'put' || !op.key.startsWith('log/')) continue
      const { event, taskId } = decodeRecord(op.value) as TaskEvent
      if (event.type !== 'NodeUnreachable') continue
      const how = `${taskId} was called out of reach by a manager that was ${Math.round(ageMs)} ms old`
      world.violated('the absence of a manager is not held against its nodes', how)
    }
  }
}
