/** `troupe plan` */
import type { Command } from 'commander'
import type { ClientReplies } from '../../actors/protocol/client.ts'
import { type Cli, newCommand } from './command.ts'
import { withClient, withConnection } from './connection.ts'
import { exitCodes } from './failure.ts'
import { jsonText } from './harmless.ts'
import { taskOf } from './run.ts'
import { type RunFlags, withTaskFlags } from './run-flags.ts'
import { scoreLines } from './score-table.ts'
import { printable } from './table.ts'
import { summaryOf } from './task-row.ts'

type Plan = Omit<ClientReplies['Planned'], 'type' | 'req'>

interface PlanFlags extends RunFlags {
  readonly json?: boolean
}

const usage = `
  troupe plan IMAGE [COMMAND…]
  troupe plan --driver process -- COMMAND…
  troupe plan -f task.yaml

Asks what "troupe run" with the same words would lead to at this moment, and does nothing. The task is checked as if it
were submitted, with its id if it has one.

Exit codes: 0 it would be placed now (or its id was accepted before with the same specification), 5 it would wait for
a node; a task that would be refused exits as "troupe run" would, mostly with 2.`

export function buildPlan(cli: Cli): Command {
  const description = 'Says where a task would be placed now, or why it would wait, with the scores of every scheduler.'
  const command = newCommand('plan', description)
    .argument('[words...]', 'IMAGE and COMMAND, or COMMAND alone with any --driver but docker')
    .option('--json', 'one JSON object')
    .passThroughOptions()
    .addHelpText('after', usage)
  return withConnection(withTaskFlags(command)).action(async (words: string[], flags: PlanFlags) => {
    const { output } = cli
    const { spec, id } = await taskOf(cli, 'plan', words, flags)
    const {
      type: _type,
      req: _req,
      ...plan
    } = await withClient(cli, flags, (client) => {
      return client.plan(flags.id ?? id, spec)
    })
    if (flags.json) output.line(jsonText(plan, 2))
    else for (const line of planLines(plan, output.columns)) output.line(line)
    if (plan.task === undefined && plan.node === null) cli.exitCode = exitCodes.wouldWait
  })
}

/** The page for people. Given `columns` of a terminal, the table is made to fit. */
export function planLines({ task, node, why, ahead, decisions }: Plan, columns?: number): string[] {
  if (task !== undefined) {
    return [`${task.id} was accepted before with this specification; nothing new would be made.`, summaryOf(task)]
  }
  const verdict = node === null ? `It would wait: ${why ?? 'no node is fit'}.` : `It would be placed on ${node} now.`
  const queue = ahead === 1 ? '1 task that asks for the same waits' : `${ahead} tasks that ask for the same wait`
  const table = scoreLines(decisions, columns)
  return [
    printable(verdict),
    ...(ahead === 0 ? [] : [`${queue} already, and would come first.`]),
    ...(table.length === 0 ? [] : ['', ...table]),
  ]
}
