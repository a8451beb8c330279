/** What a command exits with. One table: docs, help and tests follow it. */
import type { TaskView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'

export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  /** The manager cannot be reached, or refuses us. */
  unreachable: 4,
  /** `plan`: no node would take it now. */
  wouldWait: 5,
  /** `wait --timeout` ran out, or the task's own time limit did. */
  timedOut: 124,
  /** Troupe itself failed to run the task. */
  troupeFailed: 125,
  /** The command is there but cannot be executed. */
  notExecutable: 126,
  noSuchCommand: 127,
  /** 128 + SIGHUP: the terminal went away while attached. */
  hangUp: 129,
  /** 128 + SIGINT. */
  interrupted: 130,
  /** 128 + SIGTERM: stopped before it had a code of its own. */
  stopped: 143,
} as const

/** The user asked in a wrong way; `message` is a sentence and the next step. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** A failure with an exit code of its own. */
export class Failure extends Error {
  override readonly name = 'Failure'
  readonly exitCode: number
  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

const unreachable = new Set([
  'Unauthorized',
  'Forbidden',
  'Overloaded',
  'Unavailable',
  'StorageFailed',
  'Protocol',
  'OutcomeUnknown',
])

/** The exit code for an error that ended a command. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Failure) return error.exitCode
  if (error instanceof UsageError) return exitCodes.usage
  if (!(error instanceof TroupeError)) return exitCodes.error
  if (error.code === 'NotFound') return exitCodes.notFound
  if (error.code === 'Invalid') return exitCodes.usage
  return unreachable.has(error.code) ? exitCodes.unreachable : exitCodes.error
}

/**
 * The exit code for a final task: its own where it has one (a stopped task mostly 143 or 137). Without one, as docker
 * and timeout(1) do: 127 no such command, 126 not executable, 124 its time ran out, 125 Troupe could not run it. A
 * failed task never gives 0.
 */
export function exitCodeOfTask(task: TaskView): number {
  if (task.state === 'Completed')
    return task.exitCode ?? (task.outcome === 'stopped' ? exitCodes.stopped : exitCodes.ok)
  if (task.outcome === 'timeout') return exitCodes.timedOut
  if (task.exitCode !== null && task.exitCode !== 0) return task.exitCode
  if (task.outcome === 'start' && task.reason?.startsWith('no-such-command:')) return exitCodes.noSuchCommand
  if (task.outcome === 'start' && task.reason?.startsWith('not-executable:')) return exitCodes.notExecutable
  return exitCodes.troupeFailed
}

/** For the help of every command that exits with a task's code. */
export const taskExitCodesHelp = `
Exit codes once the task was accepted: the task's own (a stopped one mostly 143 or 137);
124 it ran into its time limit, 125 Troupe could not run it (no such image, lost, no node fit),
126 its command is not executable, 127 there is no such command.`
