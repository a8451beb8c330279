/** A task in one sentence: how it stands or what it came to, and where. */
import type { TaskView } from '../../../actors/model.ts'
import { portText } from '../../../actors/ports.ts'
import { plural, wordsOf } from '../ui/format.ts'

const words: Readonly<Record<string, string>> = {
  Queued: 'waits for a node',
  BackingOff: 'waits before it is tried again',
  Starting: 'is being started',
  Pulling: 'is waiting for its image',
  Checking: 'runs, and was not found well yet',
  Unhealthy: 'runs, and is not well',
  Stopping: 'is being stopped',
  Unreachable: 'was running on a node that cannot be reached now',
}

/** `Failed: exited with code 3, after 2 attempts, on n1.`, `It runs on n1 at port 8080→80.` */
export function sentenceOf(task: TaskView): string {
  const { state, detail, attempt, node, reason } = task
  const on = node === null ? '' : ` on ${node}`
  if (task.outcome !== null) {
    const attempts = attempt > 1 ? `, after ${plural(attempt, 'attempt')}` : ''
    const why = reason ?? (task.outcome === 'succeeded' ? 'exited with code 0' : task.outcome)
    return `${state}: ${why}${attempts}${on === '' ? '' : `,${on}`}.`
  }
  const does = words[detail] ?? (detail === '' ? plain[state] : wordsOf(detail)) ?? state
  const which = attempt > 1 && state !== 'Pending' ? `, in its ${ordinal(attempt)} attempt` : ''
  const since = state === 'Pending' && attempt > 0 ? `, after ${plural(attempt, 'attempt')}` : ''
  const where = state === 'Pending' ? '' : `${on}${portsOf(task)}`
  return `It ${does}${where}${which}${since}${reason === null ? '' : `: ${reason}`}.`
}

function portsOf({ ports = [] }: TaskView): string {
  const [first, ...others] = ports.map(portText)
  if (first === undefined) return ''
  return others.length === 0 ? ` at port ${first}` : ` at ports ${first}, ${others.join(', ')}`
}

const plain: Readonly<Record<string, string>> = {
  Pending: words.Queued as string,
  Scheduled: words.Starting as string,
  Running: 'runs',
}

/** `1st`, `2nd`, `11th`. */
export function ordinal(count: number): string {
  const rest = count % 100
  const end = rest > 10 && rest < 14 ? undefined : { 1: 'st', 2: 'nd', 3: 'rd' }[count % 10]
  return `${count}${end ?? 'th'}`
}
