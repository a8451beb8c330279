/** The page's one table of tasks, kept up to date from the manager for as long as the page is open. */
import { signal } from '@preact/signals'
import type { TaskChange } from '../../../runtime/browser.ts'
import { LiveNews } from '../live-news.ts'
import { TaskTable } from './task-table.ts'

export const taskTable = new TaskTable()
/** Moves on with every frame that changed the table: who reads it is drawn anew. */
export const tasksVersion = signal(0)

/** Draws whoever shows tasks anew, after the table was changed from elsewhere. */
export function tasksChanged(): void {
  tasksVersion.value += 1
}

/** Whether what is in the table is what there is. */
export const { state: tasksState } = new LiveNews<TaskChange>({
  watch: (opened) => opened.watch(),
  isEmpty: async (opened) => (await opened.list({ limit: 1 })).tasks.length === 0,
  idOf: (change) => (change.type === 'Changed' ? change.task.id : change.id),
  take: (changes) => {
    taskTable.apply(changes, Date.now())
    tasksChanged()
  },
})
