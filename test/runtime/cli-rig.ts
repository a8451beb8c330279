/** Runs command lines in this process, with streams, signals and environment of the test's own. */
import { EventEmitter } from 'node:events'
import { PassThrough } from 'node:stream'
import type { Io, SignalName } from '../../runtime/cli/io.ts'
import type { TerminalStream } from '../../runtime/cli/output.ts'
import { runCli } from '../../runtime/cli/program.ts'
import type { Roots } from '../../runtime/options.ts'
import { systemClock, systemRandom } from '../../runtime/system.ts'
import { transport } from './client-manager.ts'

export interface Run {
  stdout: string
  stderr: string
  readonly exit: Promise<number>
  signal(name: SignalName): void
  readonly io: Io
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  readonly stdin?: string
  readonly roots?: Partial<Roots>
  /** Columns of the terminal that both streams claim to be. */
  readonly columns?: number
  readonly clock?: Io['clock']
}

export function startCli(args: readonly string[], options: RunOptions = {}): Run {
  const terminal = options.columns === undefined ? {} : { isTTY: true, columns: options.columns }
  const stdout: TerminalStream = Object.assign(new PassThrough(), terminal)
  const stderr: TerminalStream = Object.assign(new PassThrough(), terminal)
  const signals = new EventEmitter()
  const stdin = new PassThrough()
  stdin.end(options.stdin ?? '')
  const io: Io = {
    env: options.env ?? {},
    cwd: options.cwd ?? '/nowhere',
    stdin,
    stdout,
    stderr,
    clock: options.clock ?? systemClock,
    random: systemRandom,
    onSignal(name, handler) {
      signals.on(name, handler)
      return () => signals.off(name, handler)
    },
    loadTransport: async () => transport,
    loadRoots: async () => options.roots as Roots,
  }
  const run: Run = { stdout: '', stderr: '', exit: runCli(args, io), signal: (name) => void signals.emit(name), io }
  stdout.on('data', (data: Buffer) => {
    run.stdout += data
  })
  stderr.on('data', (data: Buffer) => {
    run.stderr += data
  })
  return run
}

/** Runs to its end. */
export async function cli(args: readonly string[], options: RunOptions = {}): Promise<Run & { code: number }> {
  const run = startCli(args, options)
  const code = await run.exit
  return Object.assign(run, { code })
}
