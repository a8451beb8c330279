/** `troupe status [--watch] [ID…]` */
import type { Command } from 'commander'
import type { TaskView } from '../../actors/model.ts'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import type { Client } from '../client/client.ts'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand } from './command.ts'
import { withClient, withConnection } from './connection.ts'
import { type FilterFlags, filterOf, withFilters } from './filter-flags.ts'
import { jsonText } from './harmless.ts'
import { tableLines } from './table.ts'
import { taskReferences } from './task-id.ts'
import { taskColumns, taskJson } from './task-row.ts'

interface StatusFlags extends AddressFlags, FilterFlags {
  readonly watch?: boolean
  readonly all?: boolean
  readonly json?: boolean
}

export function buildStatus(cli: Cli): Command {
  const command = newCommand('status', 'Lists what is live and the last 50 tasks that ended, newest first.')
    .argument('[id...]', 'only these tasks; an id may be cut to a beginning that is clear', taskReferences)
    .option('-a, --all', 'every task the manager remembers')
    .option('-w, --watch', 'go on: a table drawn anew on a terminal, else a line for each change; until interrupted')
    .option('--json', 'one JSON array; with --watch, one object in a line for each change')
  return withConnection(withFilters(command)).action(async (ids: string[], flags: StatusFlags) => {
    const filter = filterOf(ids, flags)
    if (flags.watch === true) {
      const { watchStatus } = await import('./status-watch.ts')
      await watchStatus(cli, filter, flags)
      return
    }
    const tasks = await withClient(cli, flags, (client) => allPages(client, filter, flags.all === true))
    tasks.sort((a, b) => b.createdAtMs - a.createdAtMs || (a.id < b.id ? -1 : 1))
    print(cli, tasks, flags.json === true)
  })
}

async function allPages(client: Client, filter: TaskFilter, all: boolean): Promise<TaskView[]> {
  const scope = all ? 'all' : 'recent'
  // Two beginnings may mean the same task.
  const tasks = new Map<string, TaskView>()
  let after: string | undefined
  do {
    const page = await client.query({ scope, filter, ...(after ? { after } : {}) })
    for (const task of page.items) tasks.set(task.id, task)
    after = page.next === after ? undefined : page.next
  } while (after !== undefined)
  return [...tasks.values()]
}

function print({ io, output }: Cli, tasks: readonly TaskView[], json: boolean): void {
  if (json) {
    output.line(tasks.length === 0 ? '[]' : `[\n${tasks.map((task) => `  ${jsonText(taskJson(task))}`).join(',\n')}\n]`)
    return
  }
  for (const line of tableLines(taskColumns(io.clock.nowMs(), output, tasks), tasks, output.columns)) output.line(line)
  if (tasks.length === 0) output.note('troupe: no tasks; start one with "troupe run"')
}
