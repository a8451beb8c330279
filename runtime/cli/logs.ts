/** `troupe logs [-f] ID` */
import type { Command } from 'commander'
import type { TaskView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Link } from '../client/link.ts'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand, parseWhole, parsing } from './command.ts'
import { openCliLink, withConnection } from './connection.ts'
import { exitCodes } from './failure.ts'
import { taskReference } from './task-id.ts'
import { writePiece } from './written.ts'

interface LogsFlags extends AddressFlags {
  readonly follow?: boolean
  readonly attempt?: number
}

export function buildLogs(cli: Cli): Command {
  const command = newCommand('logs', `Prints a task's output: its stdout on stdout, its stderr on stderr.`)
    .argument('<id>', 'the task; its id may be cut to a beginning that is clear', taskReference)
    .option('-f, --follow', 'go on until the task has ended, through all its attempts')
    .option('--attempt <number>', 'of this attempt only (default: the newest)', parsing(parseAttempt))
  return withConnection(command).action(async (prefix: string, flags: LogsFlags) => {
    const link = await openCliLink(cli, flags)
    try {
      const { items } = await link.persist((client) => client.query({ ids: [prefix] }))
      const task = items[0]
      if (!task) throw new TroupeError('NotFound', `There is no task ${prefix}; see "troupe status --all".`)
      if (flags.attempt !== undefined && flags.attempt > task.attempt && !flags.follow)
        throw noAttempt(task, flags.attempt)
      await (flags.follow ? follow(cli, link, task, flags.attempt) : printOnce(cli, link, task, flags.attempt))
    } finally {
      await link.close()
    }
  })
}

function parseAttempt(text: string): number {
  const attempt = parseWhole(text)
  if (attempt < 1) throw new RangeError('attempts are counted from 1')
  return attempt
}

function noAttempt(task: TaskView, attempt: number): TroupeError {
  const had = task.attempt === 0 ? 'none yet' : `${task.attempt} so far`
  return new TroupeError('NotFound', `Task ${task.id} has no attempt ${attempt} (it had ${had}).`)
}

async function printOnce({ output }: Cli, link: Link, task: TaskView, attempt: number | undefined): Promise<void> {
  if (task.attempt === 0) {
    output.note(`troupe: ${task.id} has not been placed yet, so it has no output; "troupe explain ${task.id}" says why`)
    return
  }
  const client = await link.client()
  for await (const piece of client.logs(task.id, { attempt: attempt ?? task.attempt })) {
    await writePiece(output, piece)
    if (output.stdoutGone) return
  }
}

async function follow(cli: Cli, link: Link, task: TaskView, attempt: number | undefined): Promise<void> {
  const [{ followOutput }, { TaskWatch }] = await Promise.all([
    import('../client/follow.ts'),
    import('../client/watch.ts'),
  ])
  const { output } = cli
  const stop = new AbortController()
  const onGone = () => stop.abort()
  cli.io.stdout.once('error', onGone)
  await followOutput({
    link,
    taskId: task.id,
    watch: new TaskWatch(link, task.id),
    attempt: attempt ?? Math.max(task.attempt, 1),
    onward: attempt === undefined,
    write: (piece) => writePiece(output, piece),
    onIncomplete: (of, why) => {
      output.note(`troupe: the output of attempt ${of} is not complete: ${why}`)
      cli.exitCode = exitCodes.error
    },
    signal: stop.signal,
  })
  cli.io.stdout.off('error', onGone)
}
