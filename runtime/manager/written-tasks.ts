/** Tasks that were asked for, as they were written: who asks for one again and again has it encoded once for each change. */
import type { TaskView } from '../../actors/model.ts'
import { Shared } from '../../transport/shared.ts'
import { bytesOfTask } from './stream/news.ts'

export const writtenLimits = {
  /** Tasks that are kept; past it all are let go of. */
  tasksMax: 256,
  /** The largest that is kept, in bytes, roughly. It may be there three times: as values, and in both subprotocols. */
  taskBytesMax: 4_096,
} as const

interface Known {
  readonly revision: number
  readonly reason: string | null
  readonly items: TaskView[]
}

export class WrittenTasks {
  readonly #known = new Map<string, Known>()

  /** A list of this one task, only on its way out: whoever reads it gets what is shared. */
  listOf(task: TaskView): TaskView[] {
    const { id, revision, reason } = task
    const known = this.#known.get(id)
    // Why it waits is told as it is now, and may be another with the same revision.
    if (known?.revision === revision && known.reason === reason) return known.items
    if (bytesOfTask(task) > writtenLimits.taskBytesMax) return [task]
    if (known === undefined && this.#known.size >= writtenLimits.tasksMax) this.#known.clear()
    const items = new Shared([task]) as unknown as TaskView[]
    this.#known.set(id, { revision, reason, items })
    return items
  }
}
