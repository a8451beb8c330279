/** There is nothing in the list: not yet, or because it cannot be read, or because nothing fits. */
import { troupe } from '../connection.ts'
import { openRunDialog } from '../frame/run-dialog.ts'
import type { LoadState } from '../live-news.ts'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'

const firstCommand = "troupe run --driver process -- sh -c 'echo hello; sleep 30'"

export function NoTasks({ state }: { readonly state: LoadState }) {
  if (state.type === 'loading') return <p class="tasks-loading">Reading the tasks…</p>
  if (state.type === 'failed') {
    return (
      <Empty title="The tasks cannot be read" failing>
        <p>{state.why}</p>
      </Empty>
    )
  }
  const mayRun = troupe.value?.access !== 'view'
  return (
    <Empty title="No task has run here yet">
      <p>
        {mayRun
          ? 'Run the first one here, or on the command line:'
          : 'Whoever may, runs the first one on the command line:'}
      </p>
      <pre class="tasks-command">
        <code>{firstCommand}</code>
      </pre>
      {mayRun ? (
        <Button kind="primary" onClick={openRunDialog}>
          Run a task
        </Button>
      ) : undefined}
    </Empty>
  )
}
