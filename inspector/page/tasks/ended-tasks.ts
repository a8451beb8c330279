/** Tasks that ended before the newest that the manager tells by itself: asked for page by page, when somebody wants them. */
import { signal } from '@preact/signals'
import { troupe } from '../connection.ts'
import { announce } from '../ui/announce.ts'
import { plural } from '../ui/format.ts'
import { tasksChanged, taskTable } from './live-tasks.ts'

export type EndedState =
  | { readonly type: 'recent' }
  | { readonly type: 'loading'; readonly loaded: number }
  | { readonly type: 'all'; readonly loaded: number }
  | { readonly type: 'failed'; readonly loaded: number; readonly why: string }

export const endedState = signal<EndedState>({ type: 'recent' })

let stopping: AbortController | undefined

/** Goes through all pages; `stopLoading` ends it where it is. */
export async function loadEnded(): Promise<void> {
  const opened = troupe.peek()
  if (opened === undefined || endedState.peek().type === 'loading') return
  stopping = new AbortController()
  const { signal: stopped } = stopping
  let loaded = 0
  let after: string | undefined
  endedState.value = { type: 'loading', loaded }
  try {
    do {
      const page = await opened.list({
        scope: 'all',
        filter: { states: ['Completed', 'Failed'] },
        signal: stopped,
        ...(after === undefined ? {} : { after }),
      })
      taskTable.fill(page.tasks, Date.now())
      tasksChanged()
      loaded += page.tasks.length
      endedState.value = { type: 'loading', loaded }
      after = page.next
    } while (after !== undefined)
    endedState.value = { type: 'all', loaded }
    announce(`All ${plural(loaded, 'task')} that ended are shown`)
  } catch (error) {
    if (stopped.aborted) endedState.value = { type: 'recent' }
    else endedState.value = { type: 'failed', loaded, why: error instanceof Error ? error.message : String(error) }
  }
}

export function stopLoading(): void {
  stopping?.abort()
}
