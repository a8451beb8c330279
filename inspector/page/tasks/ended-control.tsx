/** At the list's end: that older tasks are not in it, and how to have them. */
import { Button } from '../ui/button.tsx'
import { formatCount, plural } from '../ui/format.ts'
import { endedState, loadEnded, stopLoading } from './ended-tasks.ts'
import { tasksVersion, taskTable } from './live-tasks.ts'

/** So many ended tasks the manager tells by itself; where there are fewer, there are no others. */
const toldMax = 500

export function EndedTasks() {
  void tasksVersion.value
  const state = endedState.value
  const ended = taskTable.states.of('Completed') + taskTable.states.of('Failed')
  if (state.type === 'recent' && ended < toldMax) return null
  return (
    <div class="tasks-ended" data-ended={state.type}>
      {state.type === 'recent' ? (
        <>
          <p>Of the tasks that had ended before this page was opened, the newest {toldMax} are here.</p>
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
