/**
 * A command beside a task, with the task's environment, folder and user: a health check. It bears the task's mark, so
 * that it ends with the task at the latest, whatever becomes of this worker.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Clock } from '../../clock.ts'
import type { ExecRequest, ExecResult } from '../driver.ts'
import { ExecOutput } from '../exec-output.ts'
import { type ForkRequest, planFork } from './fork.ts'
import { refusalOf } from './refusal.ts'

/** Runs it to its end, or until its time is up. What this machine cannot run is a result, too. */
export function execBeside(
  fork: ForkRequest,
  { timeoutMs, signal }: Pick<ExecRequest, 'timeoutMs' | 'signal'>,
  clock: Clock,
): Promise<ExecResult> {
  const [command = ''] = fork.spec.command ?? []
  const refused = (error: unknown): ExecResult => {
    const { message } = refusalOf(error, command, fork.spec.workdir ?? '/')
    return { exitCode: undefined, output: `could not be run: ${message}` }
  }
  return new Promise((resolve) => {
    let child: ChildProcess
    try {
      const { env, workdir, line } = planFork(fork)
      const { program, args, identity } = line()
      child = spawn(program, args, {
        ...{ cwd: workdir, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] },
        ...(identity ?? {}),
      })
    } catch (error) {
      return resolve(refused(error))
    }
    const output = new ExecOutput()
    child.stdout?.on('data', (bytes: Buffer) => output.add(bytes))
    child.stderr?.on('data', (bytes: Buffer) => output.add(bytes))
    let isLate = false
    const giveUp = () => {
      isLate = true
      killGroup(child)
    }
    const cancel = clock.setTimer(giveUp, timeoutMs)
    signal.addEventListener('abort', giveUp)
    const settle = (result: ExecResult) => {
      cancel()
      signal.removeEventListener('abort', giveUp)
      // Whatever it left behind in its group held nothing that anybody waits for.
      killGroup(child)
      child.stdout?.destroy()
      child.stderr?.destroy()
      resolve(result)
    }
    child.on('error', (error) => settle(refused(error)))
    child.on('exit', (code, signalName) => {
      if (isLate) return settle({ exitCode: undefined, output: `took longer than ${timeoutMs} ms` })
      const exitCode = code ?? 128 + (signalName ? constants.signals[signalName] : 0)
      // Its last words may still be in the pipe.
      setImmediate(() => settle({ exitCode, output: output.text }))
    })
  })
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  } catch {
    // Nothing of it is left.
  }
}
