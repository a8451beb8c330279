/** `troupe rerun ID` */
import type { Command } from 'commander'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand, parsing } from './command.ts'
import { openCliLink, withConnection } from './connection.ts'
import { parseTaskId, taskReference } from './task-id.ts'
import { wholeId } from './whole-id.ts'

interface RerunFlags extends AddressFlags {
  readonly id?: string
}

export function buildRerun(cli: Cli): Command {
  const command = newCommand('rerun', `Runs a task that has ended again, as a new task, and prints the new one's id.`)
    .argument('<id>', 'the task; its id may be cut to a beginning that is clear', taskReference)
    .option('--id <id>', 'the id of the new task (default: random)', parsing(parseTaskId))
  return withConnection(command).action(async (id: string, flags: RerunFlags) => {
    const newTaskId = flags.id ?? cli.io.random.id(12)
    const link = await openCliLink(cli, flags)
    try {
      // With an id of our own, asking twice makes one task.
      const taskId = await link.persist((client) => wholeId(client, id))
      const { task } = await link.persist((client) => client.rerun(taskId, newTaskId))
      cli.output.line(task.id)
    } finally {
      await link.close()
    }
  })
}
