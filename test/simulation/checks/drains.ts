/** A node that is drained, or forgotten, gets no task: each placement is held against the record of its node as it is stored. */
import type { TaskEvent } from '../../../actors/model.ts'
import { nodeStanding } from '../../../actors/node.ts'
import { type ActorRecord, decodeRecord } from '../../../runtime/host/record.ts'
import type { StorageOp } from '../../../runtime/storage/storage.ts'
import type { Disk } from '../disk.ts'
import type { World } from '../world.ts'

/** To be told of every batch that the manager has secured, once it is applied. */
export function watchDrains(world: World, manager: Disk): (ops: readonly StorageOp[]) => void {
  return (ops) => {
    for (const op of ops) {
      if (op.type !== 'put' || !op.key.startsWith('log/')) continue
      const told = decodeRecord(op.value) as TaskEvent
      if (told.event.type === 'Placed') checkPlaced(world, manager, told)
    }
  }
}

/** What a batch holds besides may be newer than the placement, and says nothing of it. */
function checkPlaced(world: World, manager: Disk, { taskId, event, revision }: TaskEvent): void {
  const { nodeId, nodeName: node } = event as { nodeId?: string; nodeName?: string }
  const bytes = manager.get(`node/${nodeId}`)
  const record = bytes === undefined ? undefined : (decodeRecord(bytes) as ActorRecord)
  if (record === undefined || record.revision >= revision) return
  if (!nodeStanding(record.snapshot.value).draining) return
  const how = `${taskId} was placed on ${node} at ${revision}, which is drained since ${record.revision}`
  world.violated('a node that is drained gets no task', how)
}
