/** Why a task cannot be started: something a person can act on, or a moment's want of the machine. */
import { statSync } from 'node:fs'

/** A start that did not come to be. `code` is one of `startFailureCodes`. */
export class StartRefused extends Error {
  override readonly name = 'StartRefused'
  readonly code: string
  /** Whether the same may work a moment later. */
  readonly retryable: boolean
  constructor(code: string, message: string, retryable = false) {
    super(message)
    this.code = code
    this.retryable = retryable
  }
}

/** Throws `StartRefused` if a task cannot run there: a fork says ENOENT for a missing folder and a missing command alike. */
export function checkWorkdir(path: string): void {
  if (!path.startsWith('/')) {
    throw new StartRefused('bad-workdir', `The working directory "${path}" is not absolute; begin it with "/".`)
  }
  let isFolder: boolean
  try {
    isFolder = statSync(path).isDirectory()
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be entered'
    throw new StartRefused('bad-workdir', `The working directory "${path}" ${why} on this worker.`)
  }
  if (!isFolder) throw new StartRefused('bad-workdir', `The working directory "${path}" is not a directory.`)
}

/** Tells what the error of a fork or an exec means. */
export function refusalOf(error: unknown, command: string, workdir: string): StartRefused {
  if (error instanceof StartRefused) return error
  const { code = '', message } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') {
    try {
      checkWorkdir(workdir)
    } catch (refused) {
      return refused as StartRefused
    }
  }
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
    case 'ENAMETOOLONG':
      return command.includes('/') && exists(command)
        ? new StartRefused('no-such-command', `The interpreter that the script "${command}" names does not exist.`)
        : new StartRefused(
            'no-such-command',
            `There is no command "${command}" on this worker; give its full path, or set PATH in the task's environment.`,
          )
    case 'EACCES':
    case 'EISDIR':
    case 'ENOEXEC':
      return new StartRefused('not-executable', `"${command}" may not be executed; check its permissions and format.`)
    case 'E2BIG':
      return new StartRefused('bad-spec', 'The arguments and the environment are larger than the kernel allows.')
    case 'ERR_INVALID_ARG_VALUE':
    case 'ERR_INVALID_ARG_TYPE':
      return new StartRefused('bad-spec', `The command or its environment cannot be passed on: ${message}`)
    case 'EPERM':
      return new StartRefused('start-failed', `The kernel does not permit to start "${command}" like this: ${message}`)
    default:
      return new StartRefused('start-failed', `"${command}" could not be started: ${message}`, true)
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined
}
