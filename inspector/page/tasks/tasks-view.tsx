/** All tasks: how many of each state, what to narrow them by, and the list. */
import './tasks.css'
import { useEffect, useMemo } from 'preact/hooks'
import { go } from '../navigation.ts'
import { everyTask, formatRoute, type TasksQuery } from '../route.ts'
import { announce } from '../ui/announce.ts'
import { plural } from '../ui/format.ts'
import { Filters } from './filters.tsx'
import { tasksState, tasksVersion, taskTable } from './live-tasks.ts'
import { NoTasks } from './no-tasks.tsx'
import { Overview } from './overview.tsx'
import { isNarrow } from './task-filter.ts'
import { TaskList } from './task-list.tsx'

/** How long a search rests before its result is read out, in milliseconds. */
const announceMs = 700

export function TasksView({ query }: { readonly query: TasksQuery }) {
  const key = formatRoute({ view: 'tasks', query })
  // While drawing, so that no frame shows what the query before let through.
  useMemo(() => taskTable.narrow(query), [key])
  useEffect(() => {
    if (!isNarrow(query)) return
    const timer = setTimeout(() => announce(`${plural(taskTable.shown.count, 'task')} shown`), announceMs)
    return () => clearTimeout(timer)
  }, [key])
  // Typing leaves no trail of half a word in the browser's history.
  const onQuery = (change: Partial<TasksQuery>) => {
    const replace = change.search !== undefined
    go({ view: 'tasks', query: { ...query, ...change } }, { replace })
  }
  const isEmpty = tasksVersion.value >= 0 && taskTable.count === 0
  return (
    <div class="tasks">
      <Overview query={query} onQuery={onQuery} />
      {isEmpty && !isNarrow(query) ? (
        <NoTasks state={tasksState.value} />
      ) : (
        <>
          <Filters query={query} onQuery={onQuery} onClear={() => go({ view: 'tasks', query: everyTask })} />
          <TaskList queryKey={key} onClear={() => go({ view: 'tasks', query: everyTask })} />
        </>
      )}
    </div>
  )
}
