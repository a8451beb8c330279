#!/usr/bin/env node
/** The entry of `troupe`: gives the command line this process's own streams, signals and environment. */
import { systemClock, systemRandom } from '../system.ts'
import type { Io } from './io.ts'
import { runCli } from './program.ts'

const io: Io = {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  random: systemRandom,
  onSignal(name, handler) {
    process.on(name, handler)
    return () => process.off(name, handler)
  },
  loadTransport: async () => (await import('../connect.ts')).createClientTransport(),
  loadRoots: () => import('../open.ts'),
}

// Not left to the event loop: a connection that closes slowly must not keep a user waiting.
process.exit(await runCli(process.argv.slice(2), io))
