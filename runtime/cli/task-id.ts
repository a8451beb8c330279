/** Ids that a user chooses. */

/** Throws RangeError with a sentence. */
export function parseTaskId(text: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(text)) {
    throw new RangeError(`"${text}" is no task id; it has 1 to 63 of a-z, 0-9 and -, and does not begin with -`)
  }
  return text
}
