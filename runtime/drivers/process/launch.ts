/** Starts the spawner of a folder, under the lock that makes it the only one. */
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { inheritedEnv } from './env.ts'
import { type SpawnerSettings, spawnerFiles } from './settings.ts'

export interface LaunchOptions {
  readonly dir: string
  /** The compiled spawner-main.js. */
  readonly spawnerPath: string
  /** The Node.js that runs it. */
  readonly node: string
  readonly settings: SpawnerSettings
}

/** A spawner that was started; it may find the folder taken and end at once. */
export interface Launch {
  /** Undefined while it runs; `taken` if another spawner holds the folder, else why it ended, as a sentence. */
  readonly failure: () => 'taken' | string | undefined
}

/** `flock` ends with this when the lock is held; from sysexits.h, EX_TEMPFAIL, so that no error of its own is taken for it. */
const takenExitCode = 75
/** The log begins anew when a spawner finds it longer than this, in bytes. */
const logBytesMax = 1_024 * 1_024
/** Small heap, few threads: what the spawner weighs is what each fork costs. */
const nodeFlags = ['--max-semi-space-size=1', '--max-old-space-size=128', '--v8-pool-size=1']

/** Why tasks cannot run as processes on this machine, or undefined if they can. */
export function lackOfMachine(): string | undefined {
  if (process.platform === 'linux' && existsSync('/proc/self/stat')) return undefined
  return 'The process driver needs Linux with /proc; run these tasks with the docker driver on this machine.'
}

/** Makes the folder if need be and starts a spawner in it, which outlives this process. Throws if it cannot even try. */
export function launchSpawner(options: LaunchOptions): Launch {
  const { dir, spawnerPath, node, settings } = options
  if (!existsSync(spawnerPath)) {
    throw new Error(`The spawner is not built: ${spawnerPath} does not exist; run "npm run build" first.`)
  }
  const logPath = join(dir, spawnerFiles.log)
  const logSize = statSync(logPath, { throwIfNoEntry: false })?.size ?? 0
  const log = openSync(logPath, logSize > logBytesMax ? 'w' : 'a', 0o600)
  // What `flock` would make, everybody could read.
  closeSync(openSync(join(dir, spawnerFiles.lock), 'a', 0o600))
  const lock = ['--no-fork', '--nonblock', '--conflict-exit-code', String(takenExitCode), spawnerFiles.lock]
  let failure: string | undefined
  try {
    const child = spawn('flock', [...lock, node, ...nodeFlags, spawnerPath, JSON.stringify(settings)], {
      cwd: dir,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...inheritedEnv(process.env), UV_THREADPOOL_SIZE: '2' },
    })
    child.on('error', (error) => {
      failure =
        (error as NodeJS.ErrnoException).code === 'ENOENT'
          ? 'The process driver needs the program "flock"; install util-linux.'
          : `The spawner could not be started: ${error.message}`
    })
    child.on('exit', (code, signal) => {
      failure ??= code === takenExitCode ? 'taken' : `The spawner ended with ${signal ?? code}: ${lastLine(logPath)}`
    })
    child.unref()
  } finally {
    closeSync(log)
  }
  return { failure: () => failure }
}

/** Makes the folder, for its owner alone. */
export function makeFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
}

function lastLine(path: string): string {
  try {
    const lines = readFileSync(path, 'utf8').trim().split('\n')
    return lines.findLast((line) => /error/i.test(line)) ?? lines.at(-1) ?? `see ${path}`
  } catch {
    return `see ${path}`
  }
}
