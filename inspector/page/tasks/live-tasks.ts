/** The page's one table of tasks, kept up to date from the manager for as long as the page is open. */
import { effect, signal } from '@preact/signals'
import { type TaskChange, type Troupe, TroupeError } from '../../../runtime/browser.ts'
import { refuse, troupe } from '../connection.ts'
import { TaskTable } from './task-table.ts'

const pace = {
  /** Changes that one frame takes in; the others wait for the next. */
  changesPerFrameMax: 2_000,
  /** Between two looks at what came while nobody looks at the page, in milliseconds. */
  hiddenMs: 1_000,
  /** Before a subscription that failed is tried again, in milliseconds. */
  againMs: 5_000,
} as const

export type LoadState =
  | { readonly type: 'loading' }
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly why: string }

export const taskTable = new TaskTable()
/** Moves on with every frame that changed the table: who reads it is drawn anew. */
export const tasksVersion = signal(0)
/** Whether what is in the table is what there is. */
export const tasksState = signal<LoadState>({ type: 'loading' })

/** What was not taken in yet, the newest of each task: a page in the background gathers no more than that. */
const waiting = new Map<string, TaskChange>()
let isScheduled = false

/** Draws whoever shows tasks anew, after the table was changed from elsewhere. */
export function tasksChanged(): void {
  tasksVersion.value += 1
}

effect(() => {
  const opened = troupe.value
  if (opened === undefined) return
  void follow(opened)
  void askWhetherEmpty(opened)
})

async function follow(opened: Troupe): Promise<void> {
  while (troupe.peek() === opened) {
    try {
      for await (const change of opened.watch()) {
        const id = change.type === 'Changed' ? change.task.id : change.id
        waiting.delete(id)
        waiting.set(id, change)
        schedule()
      }
      return
    } catch (error) {
      if (error instanceof TroupeError && error.code === 'Unauthorized') return refuse()
      tasksState.value = { type: 'failed', why: error instanceof Error ? error.message : String(error) }
      await new Promise((resolve) => setTimeout(resolve, pace.againMs))
    }
  }
}

/** Changes do not say that there are none: one question does. */
async function askWhetherEmpty(opened: Troupe): Promise<void> {
  try {
    const { tasks } = await opened.list({ limit: 1 })
    if (tasks.length === 0 && tasksState.peek().type === 'loading') tasksState.value = { type: 'ready' }
  } catch {
    // The subscription tells what is wrong.
  }
}

function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  if (document.hidden) setTimeout(takeIn, pace.hiddenMs)
  else requestAnimationFrame(takeIn)
}

function takeIn(): void {
  isScheduled = false
  const changes: TaskChange[] = []
  for (const [id, change] of waiting) {
    if (changes.length === pace.changesPerFrameMax) break
    waiting.delete(id)
    changes.push(change)
  }
  if (changes.length === 0) return
  taskTable.apply(changes, Date.now())
  if (tasksState.peek().type !== 'ready') tasksState.value = { type: 'ready' }
  tasksChanged()
  if (waiting.size > 0) schedule()
}
