/** `troupe stop ID…` */
import type { Command } from 'commander'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand, parsing } from './command.ts'
import { withClient, withConnection } from './connection.ts'
import { parseDuration } from './duration.ts'
import { exitCodeOf } from './failure.ts'
import { taskReferences } from './task-id.ts'
import { wholeId } from './whole-id.ts'

interface StopFlags extends AddressFlags {
  readonly stopTimeout?: number
}

export function buildStop(cli: Cli): Command {
  const command = newCommand(
    'stop',
    'Asks tasks to end, and prints the id of each once that is stored; "troupe wait" waits for the end.',
  )
    .argument('<id...>', 'tasks; an id may be cut to a beginning that is clear', taskReferences)
    .option(
      '-t, --stop-timeout <duration>',
      `between TERM and KILL, instead of the task's own; 0 kills at once`,
      parsing(parseDuration),
    )
  return withConnection(command).action(async (ids: string[], flags: StopFlags) => {
    const options = flags.stopTimeout === undefined ? {} : { graceMs: flags.stopTimeout }
    await withClient(cli, flags, async (client) => {
      // One that cannot be stopped must not keep the others running.
      for (const id of ids) {
        try {
          const { task, alreadyFinal } = await client.stop(await wholeId(client, id), options)
          if (alreadyFinal) cli.output.note(`troupe: ${task.id} has ended already (${task.state})`)
          cli.output.line(task.id)
        } catch (error) {
          cli.output.note(`troupe: ${error instanceof Error ? error.message : String(error)}`)
          cli.exitCode ||= exitCodeOf(error)
        }
      }
    })
  })
}
