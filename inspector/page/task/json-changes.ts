/** What is other in one piece of plain data than in another, by the paths of its fields. */

/** The paths (`attempts.0.exitCode`) of all that differs, and of all that holds something that does. */
export function changedPaths(before: unknown, after: unknown): ReadonlySet<string> {
  const paths = new Set<string>()
  compare(before, after, [], paths)
  return paths
}

function compare(before: unknown, after: unknown, path: readonly string[], paths: Set<string>): boolean {
  if (Object.is(before, after)) return false
  let differs = !isHolder(before) || !isHolder(after) || Array.isArray(before) !== Array.isArray(after)
  if (isHolder(after)) {
    const other = isHolder(before) && !differs ? before : {}
    for (const key of new Set([...Object.keys(other), ...Object.keys(after)])) {
      if (compare(other[key], after[key], [...path, key], paths)) differs = true
    }
  }
  if (differs) paths.add(path.join('.'))
  return differs
}

type Holder = Readonly<Record<string, unknown>>

export const isHolder = (value: unknown): value is Holder => typeof value === 'object' && value !== null

/** The fields of a holder that say something; undefined ones are none. */
export const fieldsOf = (value: Holder): [string, unknown][] =>
  Object.entries(value).filter(([, field]) => field !== undefined)
