/** Ids of actors taken apart, and what an actor is to people. */
import type { MachineName } from '../../../actors/protocol/inspection.ts'

export type ActorName =
  | { readonly machine: 'manager' }
  | { readonly machine: 'node' | 'worker' | 'session'; readonly nodeId: string }
  | { readonly machine: 'task'; readonly taskId: string }
  | { readonly machine: 'attempt'; readonly taskId: string; readonly attempt: number }

/** Undefined: no actor is called that. */
export function readActorId(id: string): ActorName | undefined {
  if (id === 'manager') return { machine: 'manager' }
  const [machine = '', ...rest] = id.split(':')
  const name = rest.join(':')
  if (name === '') return undefined
  if (machine === 'node' || machine === 'worker' || machine === 'session') return { machine, nodeId: name }
  if (machine === 'task') return { machine, taskId: name }
  const attempt = /^([a-z0-9][a-z0-9-]{0,62})\/([1-9]\d{0,14})$/.exec(name)
  if (machine !== 'attempt' || attempt === null) return undefined
  return { machine, taskId: attempt[1] as string, attempt: Number(attempt[2]) }
}

/** What it is, in a sentence. */
export const roleOf: Readonly<Record<MachineName, string>> = {
  manager: 'The life of the manager’s own process, since it began.',
  node: 'The manager’s record of a worker’s machine: whether it is heard of, and whether it takes tasks.',
  worker: 'The life of a worker’s own process, as it tells it itself.',
  session: 'A worker’s tie to its manager: it dials, greets, and tries again after any break.',
  task: 'What somebody wishes to run, from submission to its end.',
  attempt: 'One try of a task on one worker: started, watched, stopped, cleared away.',
}

/** Regions and nested states apart: `Ready · Open` of `Liveness.Ready+Admission.Open`. */
export function standingOf(path: string): { state: string; detail: string } {
  const regions = path.split('+')
  if (regions.length > 1) {
    const [state = '', ...others] = regions.map((region) => region.split('.').slice(1).join('.') || region)
    return { state, detail: others.filter((other) => other !== 'Open').join(', ') }
  }
  const [state = '', ...rest] = path.split('.')
  return { state, detail: rest.join('.') }
}
