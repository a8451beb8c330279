/** Steps of a task's log, written short. */
import type { TaskEvent } from '../../actors/model.ts'

type Given = readonly [
  atMs: number,
  event: string | ({ readonly type: string } & Readonly<Record<string, unknown>>),
  from: string,
  to: string,
  attempt?: number,
  revision?: number,
]

/** `[at, event, from, to, attempt]`; without an attempt it is that of the step before. Every step has its own revision. */
export function stepsOf(given: readonly Given[]): { readonly index: number; readonly event: TaskEvent }[] {
  let last = 0
  return given.map(([atMs, event, from, to, attempt = last, revision], index) => {
    last = attempt
    return {
      index,
      event: {
        revision: revision ?? index + 1,
        taskId: 'a-task',
        atMs,
        event: typeof event === 'string' ? { type: event } : event,
        from,
        to,
        attempt,
        ...(attempt > 0 ? { node: `node-${attempt}` } : {}),
      },
    }
  })
}

export const exited = (exitCode: number) => ({ type: 'Exited', exitCode })
