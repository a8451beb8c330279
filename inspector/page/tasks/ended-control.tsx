/** At the list's end: that older tasks are not in it, and how to have them. */
import { Button } from '../ui/button.tsx'
import { formatCount, plural } from '../ui/format.ts'
import { endedState, loadEnded, stopLoading } from './ended-tasks.ts'

export function EndedTasks() {
  const state = endedState.value
  return (
    <div class="tasks-ended" data-ended={state.type}>
      {state.type === 'recent' ? (
        <>
          <p>Of the tasks that ended before this page was opened, the newest 500 are here.</p>
          <Button onClick={() => void loadEnded()}>Show all that ended</Button>
        </>
      ) : state.type === 'loading' ? (
        <>
          <p role="status">{plural(state.loaded, 'ended task')} read…</p>
          <Button onClick={stopLoading}>Stop</Button>
        </>
      ) : state.type === 'all' ? (
        <p>Everything that the manager remembers is here: {formatCount(state.loaded)} ended when they were read.</p>
      ) : (
        <>
          <p role="alert">Not all could be read: {state.why}</p>
          <Button onClick={() => void loadEnded()}>Try again</Button>
        </>
      )}
    </div>
  )
}
