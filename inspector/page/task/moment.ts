/**
 * The step that an address names, `?at=41`: the last of revision 41, for several steps may share one. `?at=41.0` is the
 * first of them; it is written so only where it is not the last.
 */
import type { TaskEvent } from '../../../actors/model.ts'

type Steps = readonly { readonly event: Pick<TaskEvent, 'revision'> }[]

/** The index of the step, or of the newest before that revision; undefined where the log has nothing so old. */
export function stepAt(steps: Steps, at: string): number | undefined {
  const [revisionText = '', placeText] = at.split('.')
  const revision = Number(revisionText)
  const last = steps.findLastIndex(({ event }) => event.revision <= revision)
  if (last < 0) return undefined
  if (placeText === undefined || steps[last]?.event.revision !== revision) return last
  const first = steps.findIndex(({ event }) => event.revision === revision)
  return Math.min(first + Number(placeText), last)
}

/** How an address names this step. */
export function momentOf(steps: Steps, index: number): string | undefined {
  const revision = steps[index]?.event.revision
  if (revision === undefined) return undefined
  if (steps[index + 1]?.event.revision !== revision) return String(revision)
  const first = steps.findIndex(({ event }) => event.revision === revision)
  return `${revision}.${index - first}`
}
