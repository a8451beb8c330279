/** What clients are told where a question meets a store that does not answer: it is no defect of ours, and somebody can do something. */
import { TroupeError } from '../../actors/protocol/errors.ts'
import { RecordError } from '../host/record.ts'
import { StorageError } from '../storage/storage.ts'

/** For an error that came up while something was read; undefined if it is none of the store's. */
export function damageOf(error: unknown): TroupeError | undefined {
  if (error instanceof RecordError) {
    const message = `a record of the manager's store cannot be read: ${error.message}; only a backup may still have it`
    return new TroupeError('Internal', message, { cause: error })
  }
  if (!(error instanceof StorageError)) return undefined
  if (error.code === 'closed') return new TroupeError('Unavailable', 'the manager is stopping; ask the next one')
  // Its own sentence names a folder of the manager's machine, which is the operator's matter.
  const message =
    error.code === 'damaged'
      ? `the manager's store is damaged where this would be read; the manager's log names the folder and the ways out, a backup or "troupe repair"`
      : `the manager cannot read its store; its log says why, and what to do`
  return new TroupeError('Internal', message, { cause: error })
}

/** What `read` answers. Throws TroupeError `Internal` with `what` if its record cannot be read. */
export function readNamed<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    throw new TroupeError('Internal', `${what} cannot be read: ${error.message}`, { cause: error })
  }
}
