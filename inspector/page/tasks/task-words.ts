/** What a task's row says, as plain text. */
import type { TaskView } from '../../../actors/model.ts'
import { formatCommand, plural } from '../ui/format.ts'

/** What it runs: its image, its command, or both. */
export function whatOf({ image, command }: Pick<TaskView, 'image' | 'command'>): string {
  return [image ?? '', formatCommand(command)].filter((part) => part !== '').join(' ')
}

/** What it came to, or why it is not further: the nested state itself stands beside it already. */
export function outcomeOf(task: TaskView): string {
  const { outcome, reason, exitCode, signal } = task
  if (outcome === null) return reason ?? ''
  const code = exitCode === null ? '' : `exit ${exitCode}`
  if (outcome === 'succeeded') return 'exit 0'
  if (outcome === 'stopped') return code === '' ? 'stopped' : `stopped, ${code}`
  if (outcome === 'exit') return signal === null ? code || 'exit' : `${code} (${signal})`
  return reason === null ? [outcome, code].filter(Boolean).join(', ') : `${outcome}: ${reason}`
}

/** `2`, `3, 2 restarts`; a dash before the first. */
export function attemptOf({ attempt, restarts }: Pick<TaskView, 'attempt' | 'restarts'>): string {
  if (attempt === 0) return '–'
  return restarts === 0 ? String(attempt) : `${attempt}, ${restarts} ${restarts === 1 ? 'restart' : 'restarts'}`
}

/** Why there was more than one attempt; undefined where there was not. */
export function triesOf({ attempt, restarts }: Pick<TaskView, 'attempt' | 'restarts'>): string | undefined {
  if (attempt < 2) return undefined
  const replaced = attempt - 1 - restarts
  const reasons = [
    restarts > 0 ? `${plural(restarts, 'time')} after an attempt had ended` : '',
    replaced > 0 ? `${plural(replaced, 'time')} because an attempt was lost` : '',
  ]
  return `Tried again ${reasons.filter(Boolean).join(', and ')}`
}

/** Whether it has a name beside its id. */
export const isNamed = ({ id, name }: Pick<TaskView, 'id' | 'name'>): boolean => name !== '' && name !== id

/** The state and the nested one, as the log has them: `Running.Stopping`. */
export const pathOf = ({ state, detail }: Pick<TaskView, 'state' | 'detail'>): string =>
  detail === '' ? state : `${state}.${detail}`
