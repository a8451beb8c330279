/** An attached run: submit, show transitions and output, pass on Ctrl-C, end with the task's code. */
import type { TaskSpec } from '../../actors/model.ts'
import { followOutput } from '../client/follow.ts'
import type { Link } from '../client/link.ts'
import { TaskWatch } from '../client/watch.ts'
import type { AddressFlags } from './address.ts'
import type { Cli } from './command.ts'
import { openCliLink } from './connection.ts'
import { eventText } from './event-line.ts'
import { exitCodeOf, exitCodeOfTask, exitCodes, Failure } from './failure.ts'
import { printable } from './table.ts'
import { summaryOf } from './task-row.ts'
import { writePiece } from './written.ts'

/** Answers the exit code. Rejects as long as the task was not accepted. */
export async function runAttached(cli: Cli, flags: AddressFlags, taskId: string, spec: TaskSpec): Promise<number> {
  const wishes = new Wishes(cli)
  try {
    const link = await Promise.race([openCliLink(cli, flags), wishes.detached])
    if (link === 'left') throw new Failure(exitCodes.interrupted, 'interrupted before anything was asked for.')
    try {
      return await attach(cli, link, wishes, taskId, spec)
    } finally {
      await link.close()
    }
  } finally {
    wishes.dispose()
  }
}

async function attach(cli: Cli, link: Link, wishes: Wishes, taskId: string, spec: TaskSpec): Promise<number> {
  const { output } = cli
  const submission = link.persist((client) => client.submit(taskId, spec))
  submission.catch(() => undefined)
  const accepted = await Promise.race([submission, wishes.detached])
  if (accepted === 'left') return detach(cli, wishes, taskId)
  if (accepted.existing) output.note(`troupe: ${taskId} was accepted before; attached to it`)
  else output.note(`troupe: task ${taskId}`)
  const end = showUntilEnd(cli, link, wishes, taskId)
  end.catch(() => undefined)
  wishes.act((graceMs) => {
    const options = graceMs === undefined ? {} : { graceMs }
    link
      .persist((client) => client.stop(taskId, options))
      .catch((error: Error) => output.note(`troupe: the task could not be stopped: ${error.message}`))
  })
  try {
    const code = await Promise.race([end, wishes.detached])
    return code === 'left' ? detach(cli, wishes, taskId) : code
  } catch (error) {
    output.note(`troupe: ${error instanceof Error ? error.message : String(error)}`)
    const { existing, task } = accepted
    if (existing && task.finishedAtMs !== null && exitCodeOf(error) === exitCodes.notFound) {
      // It was trimmed: how it ended came with the answer, and there is nothing to come back to.
      output.note(`troupe: ${summaryOf(task)}`)
      return exitCodeOfTask(task)
    }
    // From here on the task lives without us.
    detach(cli, wishes, taskId)
    return exitCodeOf(error)
  }
}

async function showUntilEnd(cli: Cli, link: Link, wishes: Wishes, taskId: string): Promise<number> {
  const { output } = cli
  const mark = () => output.paint('dim', taskId, 'stderr')
  const watch = new TaskWatch(link, taskId, {
    onEvent: (event) => output.note(`${mark()} ${eventText(event)}`),
    onProgress: (text) => output.note(`${mark()} ${printable(text)}`),
    onReset: (reason) => output.note(`troupe: the history begins anew: ${reason}`),
  })
  const written = followOutput({
    link,
    taskId,
    watch,
    attempt: 1,
    onward: true,
    write: (piece) => writePiece(output, piece),
    onIncomplete: (attempt, why) => output.note(`troupe: the output of attempt ${attempt} is not complete: ${why}`),
    signal: wishes.signal,
  })
  const [task] = await Promise.all([watch.final, written])
  if (task.state === 'Failed' || task.outcome === 'stopped') output.note(`troupe: ${summaryOf(task)}`)
  return exitCodeOfTask(task)
}

/** Says how to come back. A terminal that is gone hears nothing, and the exit code says it all the same. */
function detach({ output }: Cli, wishes: Wishes, taskId: string): number {
  const how = `"troupe logs -f ${taskId}" shows its output, "troupe wait ${taskId}" its end`
  output.note(`troupe: detached; the task goes on if it was accepted. To attach again: ${how}.`)
  return wishes.hungUp ? exitCodes.hangUp : exitCodes.interrupted
}

/** What the user wants done, told by signals: Ctrl-C stops, again kills, again leaves; SIGHUP leaves at once. */
class Wishes {
  /** Resolves when the user has left. */
  readonly detached: Promise<'left'>
  readonly #cli: Cli
  readonly #left = new AbortController()
  readonly #undo: (() => void)[]
  #interrupts = 0
  #stop: ((graceMs: number | undefined) => void) | undefined
  hungUp = false

  constructor(cli: Cli) {
    this.#cli = cli
    this.detached = new Promise((resolve) => {
      this.#left.signal.addEventListener('abort', () => resolve('left'), { once: true })
    })
    const { io } = cli
    const onHangUp = () => {
      this.hungUp = true
      this.#left.abort()
    }
    this.#undo = [
      io.onSignal('SIGINT', () => this.#interrupt()),
      io.onSignal('SIGTERM', () => this.#interrupt()),
      io.onSignal('SIGHUP', onHangUp),
    ]
  }

  get signal(): AbortSignal {
    return this.#left.signal
  }

  /** From now on wishes to stop can be carried out; those from before are, at once. */
  act(stop: (graceMs: number | undefined) => void): void {
    this.#stop = stop
    if (this.#interrupts > 0) stop(this.#interrupts > 1 ? 0 : undefined)
  }

  dispose(): void {
    for (const off of this.#undo) off()
  }

  #interrupt(): void {
    const { output } = this.#cli
    this.#interrupts += 1
    if (this.#interrupts === 1) {
      output.note('troupe: stopping the task; Ctrl-C again kills it')
      this.#stop?.(undefined)
    } else if (this.#interrupts === 2) {
      output.note('troupe: killing the task; Ctrl-C again leaves it')
      this.#stop?.(0)
    } else this.#left.abort()
  }
}
