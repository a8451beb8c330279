/** What `up`, `manager` and `worker` have in common: run until told to stop, then close in order. */
import { type ErrorCode, TroupeError } from '../../actors/protocol/errors.ts'
import type { Logger } from '../logger.ts'
import type { Cli } from './command.ts'
import { createConsoleLogger } from './console-logger.ts'
import { exitCodes, Failure } from './failure.ts'

export const serveLimits = {
  /** How long an orderly end may take, in milliseconds. */
  closeMs: 10_000,
} as const

/** The part of what was opened that matters for its end. */
export interface Service {
  close(): Promise<void>
  readonly failed: Promise<never>
}

export interface ServeFlags {
  readonly verbose?: boolean
}

/** Writes to stderr; stdout holds only what the command was asked for. */
export const loggerFor = ({ io, output }: Cli, flags: ServeFlags): Logger =>
  createConsoleLogger((line) => output.note(line), io.clock, flags.verbose ? 'debug' : 'info')

/**
 * Opens the service, says so, and waits for SIGINT, SIGTERM or SIGHUP. A second signal, or 10 s, ends it at once. What
 * `open` or `failed` reject with are sentences for people already.
 */
export async function serve<T extends Service>(
  cli: Cli,
  open: () => Promise<T>,
  announce: (service: T) => void,
): Promise<void> {
  const { io, output } = cli
  let signals = 0
  let onFirst = () => {}
  let onSecond = () => {}
  const first = new Promise<void>((resolve) => {
    onFirst = resolve
  })
  const second = new Promise<'hurry'>((resolve) => {
    onSecond = () => resolve('hurry')
  })
  const onSignal = () => {
    signals += 1
    if (signals === 1) onFirst()
    else onSecond()
  }
  const undo = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const).map((name) => io.onSignal(name, onSignal))
  try {
    const service = await Promise.race([open(), second.then(interrupted)])
    service.failed.catch(() => undefined)
    announce(service)
    await Promise.race([first, service.failed.catch(broken)])
    output.note('troupe: stopping; tasks go on running on their workers')
    await closeInTime(cli, service, second)
  } finally {
    for (const off of undo) off()
  }
}

/** The manager will not have this worker, and starting it again changes nothing: a wrong token or cluster, history that was lost. */
const refusals = new Set<ErrorCode>(['Unauthorized', 'Conflict', 'LostHistory', 'Protocol'])

// Else, whatever a client would make of its code: this process is broken, and its starter should know.
const broken = (error: unknown): never => {
  const isRefused = error instanceof TroupeError && refusals.has(error.code)
  const exitCode = isRefused ? exitCodes.unreachable : exitCodes.error
  throw new Failure(exitCode, error instanceof Error ? error.message : String(error), { cause: error })
}

const interrupted = (): never => {
  throw new Failure(exitCodes.interrupted, 'interrupted while starting.')
}

async function closeInTime({ io }: Cli, service: Service, hurry: Promise<'hurry'>): Promise<void> {
  let cancel = () => {}
  const late = new Promise<'late'>((resolve) => {
    cancel = io.clock.setTimer(() => resolve('late'), serveLimits.closeMs)
  })
  const closed = service.close().then(() => 'closed' as const)
  closed.catch(() => undefined)
  const how = await Promise.race([closed, late, hurry])
  cancel()
  // Nothing is lost by it: what was acknowledged is stored.
  if (how === 'late')
    throw new Failure(exitCodes.error, `it did not stop within ${serveLimits.closeMs / 1_000} s and was cut off.`)
  if (how === 'hurry') throw new Failure(exitCodes.interrupted, 'cut off by a second signal.')
}
