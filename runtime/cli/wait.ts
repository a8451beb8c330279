/** `troupe wait ID…` */
import type { Command } from 'commander'
import type { TaskView } from '../../actors/model.ts'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand, parsing } from './command.ts'
import { openCliLink, withConnection } from './connection.ts'
import { parseDuration } from './duration.ts'
import { exitCodeOfTask, exitCodes, Failure, taskExitCodesHelp } from './failure.ts'
import { taskReferences } from './task-id.ts'
import { summaryOf } from './task-row.ts'

interface WaitFlags extends AddressFlags {
  readonly timeout?: number
}

export function buildWait(cli: Cli): Command {
  const command = newCommand('wait', 'Waits until tasks have ended, and exits with the code of the first that failed.')
    .argument('<id...>', 'tasks; an id may be cut to a beginning that is clear', taskReferences)
    .option('-t, --timeout <duration>', 'exit with 124 if it takes longer; the tasks go on', parsing(parseDuration))
    .addHelpText('after', taskExitCodesHelp)
  return withConnection(command).action(async (prefixes: string[], flags: WaitFlags) => {
    const { TaskWatch } = await import('../client/watch.ts')
    const link = await openCliLink(cli, flags)
    try {
      const tasks = await withinTime(cli, flags.timeout, async () => {
        const known = await link.persist((client) => Promise.all(prefixes.map((id) => client.query({ ids: [id] }))))
        const ids = [...new Set(known.flatMap(({ items }) => items.map(({ id }) => id)))]
        return Promise.all(ids.map((id) => new TaskWatch(link, id).final.then((task) => told(cli, task))))
      })
      cli.exitCode = tasks.map(exitCodeOfTask).find((code) => code !== 0) ?? exitCodes.ok
    } finally {
      await link.close()
    }
  })
}

function told({ output }: Cli, task: TaskView): TaskView {
  output.line(summaryOf(task))
  return task
}

async function withinTime<T>({ io }: Cli, timeoutMs: number | undefined, work: () => Promise<T>): Promise<T> {
  if (timeoutMs === undefined) return work()
  let cancel = () => {}
  const late = new Promise<never>((_, reject) => {
    cancel = io.clock.setTimer(() => {
      reject(
        new Failure(exitCodes.timedOut, 'the time is over and not all have ended; they go on. See "troupe status".'),
      )
    }, timeoutMs)
  })
  const working = work()
  // It loses its connection when the time is over, and nobody listens then.
  working.catch(() => undefined)
  try {
    return await Promise.race([working, late])
  } finally {
    cancel()
  }
}
