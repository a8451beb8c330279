/** The `troupe` command as the sample uses it: whole processes, as a person would start them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const main = join(import.meta.dirname, '..', '..', 'dist', 'runtime', 'cli', 'main.js')

/** What the sample reads of `troupe status --json`. */
export interface TaskRow {
  readonly id: string
  readonly state: string
  readonly outcome: string | null
  readonly exitCode: number | null
  readonly attempt: number
  readonly reason: string | null
}

export interface Ended {
  /** The exit code; 128 and more when a signal ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** The command with the address and the data folder of one `up`. */
export class Troupe {
  readonly #env: NodeJS.ProcessEnv

  constructor(address: string, dataDir: string) {
    this.#env = { ...process.env, TROUPE_ADDR: address, TROUPE_DATA_DIR: dataDir }
  }

  /**
   * Starts a command and hands on each line that it prints. It gets a process group of its own, so that Ctrl-C reaches
   * us alone and the order in which things end is ours.
   */
  start(args: readonly string[], onLine: (line: string, stream: 'stdout' | 'stderr') => void): ChildProcess {
    const child = spawn(process.execPath, [main, ...args], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    createInterface({ input: child.stdout }).on('line', (line) => onLine(line, 'stdout'))
    createInterface({ input: child.stderr }).on('line', (line) => onLine(line, 'stderr'))
    return child
  }

  /** Runs a command to its end. */
  async run(
    args: readonly string[],
    onLine: (line: string, stream: 'stdout' | 'stderr') => void = () => {},
  ): Promise<Ended> {
    const text = { stdout: '', stderr: '' }
    const child = this.start(args, (line, stream) => {
      text[stream] += `${line}\n`
      onLine(line, stream)
    })
    return { code: await ended(child), ...text }
  }

  /** The tasks of these ids. Throws what the command said when it could not tell. */
  async status(ids: readonly string[]): Promise<TaskRow[]> {
    const { code, stdout, stderr } = await this.run(['status', '--json', ...ids])
    if (code !== 0) throw new Error(stderr.trim() || `troupe status ended with ${code}`)
    return JSON.parse(stdout) as TaskRow[]
  }

  /** Whether the manager answers and has a node that takes tasks. */
  async isReady(): Promise<boolean> {
    const { code, stdout } = await this.run(['node', '--json'])
    if (code !== 0) return false
    return (JSON.parse(stdout) as { state: string }[]).some((node) => node.state === 'Ready')
  }
}

/** Resolves with the exit code once the process has ended and all its output was read. */
export function ended(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => resolve(127))
    child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143)))
  })
}
