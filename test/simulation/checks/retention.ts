/** What is trimmed has ended, and its id stays known: whatever a manager deletes of a task is looked at as it is deleted. */
import { type ActorRecord, decodeRecord, RecordError } from '../../../runtime/host/record.ts'
import type { Retention } from '../../../runtime/options.ts'
import type { StorageOp } from '../../../runtime/storage/storage.ts'
import { Dice } from '../dice.ts'
import type { Disk } from '../disk.ts'
import type { Scene } from '../scene.ts'
import type { World } from '../world.ts'

const forever = Number.POSITIVE_INFINITY

/** What the manager of this seed keeps: for ever, unless it is one of those that keep little. */
export function retentionOf(seed: number, { trimChance }: Scene): Retention {
  const all: Retention = { finishedMs: forever, finishedMax: forever, logMs: forever, logBytes: forever }
  const dice = new Dice(seed, 'retention')
  if (trimChance === 0 || !dice.chance(trimChance)) return all
  return {
    finishedMs: dice.pick([0, 3_000, 12_000, forever]),
    finishedMax: dice.pick([1, 4, forever]),
    logMs: dice.pick([4_000, 15_000, forever]),
    logBytes: dice.pick([6_000, 20_000, forever]),
  }
}

/** Looks at each batch before it is applied. */
export function watchRetention(world: World, disk: Disk): (ops: readonly StorageOp[]) => void {
  return (ops) => {
    for (const op of ops) {
      if (op.type === 'del' && op.key.startsWith('task/')) checkTrimmed(world, disk, op.key, ops)
      if (op.type === 'del' && op.key.startsWith('log/')) world.sometimes('a part of the log was trimmed')
    }
  }
}

function checkTrimmed(world: World, disk: Disk, key: string, ops: readonly StorageOp[]): void {
  const taskId = key.slice('task/'.length)
  const isMarked = ops.some((op) => op.type === 'put' && op.key.startsWith('known/') && op.key.endsWith(`/${taskId}`))
  if (!isMarked) world.violated('the id of a trimmed task stays known', `${taskId} was trimmed without a mark`)
  if (isLive(disk, key)) world.violated('a live task is never trimmed', `${taskId} was trimmed`)
  world.sometimes('a task that has ended was trimmed')
}

function isLive(disk: Disk, key: string): boolean {
  const bytes = disk.get(key)
  if (bytes === undefined) return false
  try {
    return (decodeRecord(bytes) as ActorRecord).snapshot.status === 'active'
  } catch (error) {
    if (error instanceof RecordError) return false
    throw error
  }
}
