#!/usr/bin/env -S node --max-semi-space-size=64 --
/**
 * The entry of `troupe`: gives the command line this process's own streams, signals and environment.
 *
 * The flag lets V8 keep 64 MB of what is young instead of 16. A thousand tasks that are under way at once outlive the smaller
 * space, and moving all of them costs a manager a tenth of its time. V8 takes only as much as it finds use for, and reads the
 * flag only when a process begins.
 */
import { systemClock, systemRandom } from '../system.ts'
import type { Io } from './io.ts'
import { runCli } from './program.ts'

/**
 * One Ctrl-C can come twice: from the terminal, to the whole group, and again from a wrapper (npm, timeout) that passes
 * it on. Within so many milliseconds it counts as one, lest it kill what it was to stop.
 */
const sameSignalMs = 200

let isHungUp = false

const io: Io = {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  random: systemRandom,
  onSignal(name, handler) {
    let lastMs = Number.NEGATIVE_INFINITY
    const onSignal = () => {
      const nowMs = performance.now()
      if (nowMs - lastMs >= sameSignalMs) handler()
      lastMs = nowMs
      if (name === 'SIGHUP') isHungUp = true
    }
    process.on(name, onSignal)
    return () => process.off(name, onSignal)
  },
  loadTransport: async (ca) => (await import('../connect.ts')).createClientTransport({ ca }),
  loadRoots: () => import('../open.ts'),
}

const hadTerminal = [process.stdin, process.stdout, process.stderr].some(({ isTTY }) => isTTY)
const exitCode = await runCli(process.argv.slice(2), io)
if (isHungUp && hadTerminal) {
  // At its exit Node restores the terminal, and aborts with a native stack trace when that has gone. The signal's own
  // default ends the process without asking, and tells the starter the same.
  process.removeAllListeners('SIGHUP')
  process.kill(process.pid, 'SIGHUP')
}
// Not left to the event loop: a connection that closes slowly must not keep a user waiting.
process.exit(exitCode)
