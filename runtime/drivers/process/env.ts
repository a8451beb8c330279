/** What a spawner, and through it a task, gets to know of the environment that a worker runs in. */

/**
 * What a task inherits from the environment in which its spawner was started, which has no more than these either.
 * Everything else there, a worker's token for one, is none of its business; what it needs, its specification says.
 */
const inheritedVariables = ['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'LC_ALL', 'LC_CTYPE', 'TZ', 'TMPDIR']

/** Where programs are looked for when nobody says. */
export const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The inherited part of this process's environment; PATH is always there. */
export function inheritedEnv(from: NodeJS.ProcessEnv): Record<string, string> {
  const env: Record<string, string> = { PATH: defaultPath }
  for (const name of inheritedVariables) {
    const value = from[name]
    if (value) env[name] = value
  }
  return env
}
