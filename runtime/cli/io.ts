/** The outside of a command, by constructor, so that tests run commands without a process of their own. */
import type { Readable } from 'node:stream'
import type { Transport } from '../../transport/transport.ts'
import type { Clock } from '../clock.ts'
import type { Roots } from '../options.ts'
import type { Random } from '../random.ts'
import type { TerminalStream } from './output.ts'

export type SignalName = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly stdin: Readable
  readonly stdout: TerminalStream
  readonly stderr: TerminalStream
  readonly clock: Clock
  readonly random: Random
  /** Calls back at each such signal, instead of what it would do otherwise. Returns what undoes it. */
  onSignal(name: SignalName, handler: () => void): () => void
  /** Loaded when first needed: `--help` waits for no library. `ca`: authorities to trust, in PEM. */
  loadTransport(ca?: string): Promise<Pick<Transport, 'connect'>>
  loadRoots(): Promise<Roots>
}
