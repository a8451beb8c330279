/** One task of the manager: found by its id or a beginning of it, live, at the step that the address names. */
import './task.css'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { sentence } from '../act/failure-words.ts'
import { TaskActions } from '../act/task-actions.tsx'
import { connectionState, troupe } from '../connection.ts'
import { go } from '../navigation.ts'
import type { TaskPanel } from '../route.ts'
import { Empty } from '../ui/empty.tsx'
import type { TaskHistory } from './history.ts'
import { HistoryLoad, type HistoryState } from './history-load.ts'
import { momentOf, stepAt } from './moment.ts'
import { divergenceText } from './replay.ts'
import { SaveHistory } from './save-history.tsx'
import { TaskBody } from './task-body.tsx'

export interface TaskPageProps {
  /** The task's id, or a beginning of it. */
  readonly id: string
  readonly panel: TaskPanel
  /** As the address has it: a revision, `41` or `41.0`. */
  readonly at: string | undefined
}

export function TaskPage({ id, panel, at }: TaskPageProps) {
  const state = useHistory(id)
  const isStale = connectionState.value.type === 'stale'
  const loaded = state.type === 'loaded' ? state.loaded : undefined
  const history = useMemo((): TaskHistory | undefined => {
    if (loaded === undefined) return undefined
    const { task, explanation, steps, nowMs } = loaded
    const [first] = steps
    const isTrimmed =
      first === undefined ? explanation.trimmedUntilMs !== undefined : first.event.event.type !== 'Created'
    const source = isStale ? 'stale' : 'live'
    return { task, spec: explanation.spec, explanation, steps, isTrimmed, source, nowMs }
  }, [loaded, isStale])
  // One task has one address, whatever beginning of its id somebody typed.
  const wholeId = loaded?.task.id ?? id
  useEffect(() => {
    if (wholeId !== id) go({ view: 'task', id: wholeId, panel, at }, { replace: true })
  }, [wholeId, id])
  if (state.type === 'failed') return <Failed id={id} state={state} />
  if (loaded === undefined || history === undefined) {
    return (
      <div class="task-waiting" aria-busy="true">
        <h1 class="visually-hidden">Task {id}</h1>
        <p>Reading its history …</p>
      </div>
    )
  }
  const index = at === undefined ? undefined : stepAt(history.steps, at)
  const onAt = (to: number | undefined, isSliding = false) => {
    const moment = to === undefined ? undefined : momentOf(history.steps, to)
    go({ view: 'task', id, panel, at: moment }, { replace: isSliding })
  }
  const { divergence, logId, gone } = loaded
  return (
    <TaskBody
      history={history}
      panel={panel}
      at={index}
      onAt={onAt}
      onPanel={(to) => go({ view: 'task', id, panel: to, at }, { replace: true })}
      unknown={divergence === undefined ? undefined : divergenceText(divergence)}
      isBefore={at !== undefined && index === undefined}
      gone={gone}
      actions={
        <>
          {gone === undefined ? <TaskActions task={history.task} /> : undefined}
          <SaveHistory history={history} origin={{ logId, clusterId: troupe.value?.clusterId }} />
        </>
      }
    />
  )
}

function useHistory(id: string): HistoryState {
  const [held, setHeld] = useState<{ readonly id: string; readonly state: HistoryState }>()
  const from = troupe.value
  useEffect(() => {
    if (from === undefined) return undefined
    const load = new HistoryLoad({ troupe: from, id, onState: (state) => setHeld({ id, state }) })
    return () => load.close()
  }, [from, id])
  // What is held of the task before says nothing of this one.
  return held?.id === id ? held.state : loading
}

const loading: HistoryState = { type: 'loading' }

const titles: Readonly<Record<string, (id: string) => string>> = {
  NotFound: (id) => `There is no task ${id}.`,
  Ambiguous: (id) => `More than one task begins with ${id}.`,
}

/** The manager says so of a task that it has trimmed; of any other it only says that there is none. */
const isTold = (message: string): boolean => /\btrimmed\b/.test(message)

function Failed({ id, state }: { readonly id: string; readonly state: Extract<HistoryState, { type: 'failed' }> }) {
  const title = titles[state.code ?? '']?.(id) ?? 'The history of the task cannot be read.'
  return (
    <div data-failed={state.code ?? 'unknown'}>
      <h1 class="visually-hidden">Task {id}</h1>
      <Empty title={title} failing>
        {state.code === 'NotFound' && !isTold(state.message) ? (
          <p>It may have ended long ago and been trimmed, or the address has a slip in it.</p>
        ) : (
          <p>{sentence(state.message)}</p>
        )}
        <a class="button" href="#/tasks">
          All tasks
        </a>
      </Empty>
    </div>
  )
}
