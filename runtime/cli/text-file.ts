/** A file of text that the user names. */
import { closeSync, openSync, readSync } from 'node:fs'
import { UsageError } from './failure.ts'

export const textFileLimits = {
  /** The largest, in bytes. */
  fileBytesMax: 1_024 * 1_024,
} as const

const { fileBytesMax } = textFileLimits

/**
 * Its text, without a mark at its beginning. `name` is what the user called it, `what` what it is to hold. It may be a
 * pipe. Throws UsageError, which shows nothing of what is in it.
 */
export function readTextFile(path: string, name: string, what: string): string {
  if (name === '') throw new UsageError(`The name of a file is empty; give the path of ${what}.`)
  const bytes = read(path, name)
  if (bytes.length > fileBytesMax) {
    throw new UsageError(`${name} is larger than ${fileBytesMax / 1_024} KiB, too large for ${what}.`)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new UsageError(`${name} is no text in UTF-8, as ${what} should be.`)
  }
}

// No more than one byte too many: some files have no end.
function read(path: string, name: string): Buffer {
  let file: number | undefined
  try {
    file = openSync(path, 'r')
    const bytes = Buffer.alloc(fileBytesMax + 1)
    let length = 0
    for (;;) {
      const count = readSync(file, bytes, length, bytes.length - length, null)
      length += count
      if (count === 0 || length === bytes.length) return bytes.subarray(0, length)
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message
    throw new UsageError(`${name} cannot be read: ${why}.`, { cause: error })
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
