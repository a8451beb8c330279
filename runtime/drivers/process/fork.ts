/** Forks one task: its own session, its own output files, an environment without anything of the worker's. */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, closeSync, constants, fchownSync, openSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { defaultPath, inheritedEnv } from './env.ts'
import type { AttemptFolder } from './folder.ts'
import { refVariable } from './proc.ts'
import type { ProcessSpec } from './protocol.ts'
import { checkWorkdir, refusalOf, StartRefused } from './refusal.ts'
import { type AccountFiles, findUser, systemAccounts, type TaskUser } from './user.ts'

export interface ForkRequest {
  /** What `TROUPE_REF` shall be. */
  readonly ref: string
  readonly spec: ProcessSpec
}

/**
 * Starts the task and returns it running. Throws `StartRefused` if it did not start; then nothing of it exists.
 * The task leads a session and a group of its own, reads from /dev/null and appends to the folder's files.
 */
export async function forkTask(
  folder: AttemptFolder,
  request: ForkRequest,
  accounts: AccountFiles = systemAccounts,
): Promise<ChildProcess> {
  const { command, user, env, workdir, line } = planFork(request, accounts)
  const stdout = openOutput(folder.output('stdout'), user)
  const stderr = openOutput(folder.output('stderr'), user)
  try {
    const { program, args, identity } = line()
    const child = spawn(program, args, {
      cwd: workdir,
      env,
      detached: true,
      stdio: ['ignore', stdout, stderr],
      ...(identity ?? {}),
    })
    if (child.pid === undefined) throw await new Promise<Error>((resolve) => child.once('error', resolve))
    // Later errors of a child, such as a signal that could not be sent, are seen where they are caused.
    child.on('error', () => undefined)
    return child
  } catch (error) {
    throw refusalOf(error, command, workdir)
  } finally {
    closeSync(stdout)
    closeSync(stderr)
  }
}

/** What a process of a task is made of. */
export interface ForkPlan {
  readonly command: string
  readonly user: TaskUser | undefined
  readonly env: Readonly<Record<string, string>>
  readonly workdir: string
  /** What is to be executed; throws the error of a program that is not there. */
  readonly line: () => CommandLine
}

/** Throws `StartRefused` for what cannot be run on this machine. */
export function planFork(request: ForkRequest, accounts: AccountFiles = systemAccounts): ForkPlan {
  const { spec } = request
  const [command, ...args] = spec.command ?? []
  if (!command) throw new StartRefused('bad-spec', 'A process task needs a command; give at least a program to run.')
  const user = spec.user === undefined ? undefined : findUser(spec.user, accounts)
  const env = taskEnv(request, user)
  const workdir = spec.workdir ?? '/'
  checkWorkdir(workdir)
  return { command, user, env, workdir, line: () => asUser([command, ...args], user, env.PATH ?? defaultPath) }
}

function taskEnv(request: ForkRequest, user: TaskUser | undefined): Record<string, string> {
  const own = request.spec.env ?? {}
  const wrong = Object.keys(own).find((name) => name === '' || name.includes('='))
  if (wrong !== undefined) {
    throw new StartRefused('bad-spec', `"${wrong}" cannot be the name of a variable, for it is empty or has a "=".`)
  }
  return {
    ...inheritedEnv(process.env),
    ...user?.env,
    ...own,
    [refVariable]: request.ref,
  }
}

/** Belongs to the task's user, so that what opens /dev/stdout anew may do so. */
function openOutput(path: string, user: TaskUser | undefined): number {
  const file = openSync(path, constants.O_CREAT | constants.O_APPEND | constants.O_WRONLY, 0o600)
  if (user) fchownSync(file, user.uid, user.gid)
  return file
}

interface CommandLine {
  readonly program: string
  readonly args: readonly string[]
  readonly identity?: { readonly uid: number; readonly gid: number }
}

/**
 * Node changes uid and gid but always drops the groups beside them, so a user who has some is taken on by `setpriv`
 * of util-linux, which then becomes the command itself.
 */
function asUser(command: readonly [string, ...string[]], user: TaskUser | undefined, path: string): CommandLine {
  const [program, ...args] = command
  if (!user || process.getuid?.() !== 0) return { program, args }
  if (user.groups.length === 0) return { program, args, identity: { uid: user.uid, gid: user.gid } }
  const found = findProgram(program, path)
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, `--groups=${user.groups.join(',')}`]
  return { program: 'setpriv', args: [...ids, '--', found, ...args] }
}

/** Looks a program up as exec would, because `setpriv` could only say that it failed in the task's own output. */
function findProgram(program: string, path: string): string {
  const places = program.includes('/') ? [program] : path.split(delimiter).map((folder) => join(folder || '.', program))
  let refused: unknown = Object.assign(new Error('not found'), { code: 'ENOENT' })
  for (const place of places) {
    try {
      accessSync(place, constants.X_OK)
      if (statSync(place).isFile()) return place
      refused = Object.assign(new Error('not a file'), { code: 'EACCES' })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') refused = error
    }
  }
  throw refused
}
