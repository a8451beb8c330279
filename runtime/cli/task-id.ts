/** Ids that a user chooses, and those that a user names. */
import { InvalidArgumentError } from 'commander'

/** Throws RangeError with a sentence. */
export function parseTaskId(text: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(text)) {
    throw new RangeError(`"${text}" is no task id; it has 1 to 63 of a-z, 0-9 and -, and does not begin with -`)
  }
  return text
}

/**
 * Commander's parser for tasks that are named by their id or a beginning of it. What can be none is told here: the
 * manager takes it for a broken message and hangs up. Throws InvalidArgumentError.
 */
export function taskReference(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(text)) return text
  throw new InvalidArgumentError('An id has only a-z, 0-9 and -; "troupe status --all" lists them.')
}

/** The same for a list of them. */
export const taskReferences = (text: string, before: readonly string[] = []): string[] => [
  ...before,
  taskReference(text),
]
