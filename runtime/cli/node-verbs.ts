/** `troupe node drain`, `undrain` and `rm` */
import type { Command } from 'commander'
import type { NodeView } from '../../actors/model.ts'
import { pause } from '../client/back-off.ts'
import type { Link } from '../client/link.ts'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand, parsing } from './command.ts'
import { openCliLink, withClient, withConnection } from './connection.ts'
import { parseDuration } from './duration.ts'
import { exitCodes, Failure } from './failure.ts'
import { parseName } from './host-flags.ts'

/** How often a drain that is waited for is looked at, in milliseconds. */
const lookMs = 500

interface DrainFlags extends AddressFlags {
  readonly deadline?: number
  readonly detach?: boolean
}

export function buildDrain(cli: Cli): Command {
  const description =
    'Has a node get no new tasks and lose those it has: what may be replaced goes elsewhere at once, the rest is waited for. Ends when the node is empty.'
  const command = newCommand('drain', description)
    .summary('empty a node')
    .argument('<name>', 'the node, by name or id', parsing(parseName))
    .option('--deadline <duration>', 'stop what is left after this time', parsing(parseDuration))
    .option('-d, --detach', 'return at once; "troupe node" shows how far it is')
  return withConnection(command).action(async (name: string, flags: DrainFlags) => {
    const options = flags.deadline === undefined ? {} : { deadlineMs: flags.deadline }
    const link = await openCliLink(cli, flags)
    try {
      const node = await link.persist((client) => client.drainNode(name, options))
      if (!flags.detach) await untilEmpty(cli, link, node, flags.deadline !== undefined)
      cli.output.line(node.name)
    } finally {
      await link.close()
    }
  })
}

async function untilEmpty({ io, output }: Cli, link: Link, node: NodeView, isLimited: boolean): Promise<void> {
  const left = new AbortController()
  const undo = io.onSignal('SIGINT', () => left.abort())
  try {
    for (let now: NodeView | undefined = node, told = -1; now !== undefined; ) {
      if (!now.draining) throw new Failure(exitCodes.error, `somebody has undrained node ${now.name} meanwhile.`)
      if (now.tasks === 0) break
      if (now.tasks !== told)
        output.note(`troupe: node ${now.name}: ${now.tasks} task${now.tasks === 1 ? '' : 's'} left`)
      if (told < 0 && !isLimited) output.note('troupe: what may not be replaced is waited for; --deadline limits that')
      told = now.tasks
      await pause(io.clock, lookMs, left.signal)
      if (left.signal.aborted) {
        throw new Failure(exitCodes.interrupted, `left; node ${now.name} goes on draining. See "troupe node".`)
      }
      const { items } = await link.persist((client) => client.nodes())
      now = items.find(({ id }) => id === node.id)
    }
    output.note(
      `troupe: node ${node.name} is empty; once its worker is stopped, "troupe node rm ${node.name}" forgets it`,
    )
  } finally {
    undo()
  }
}

export function buildUndrain(cli: Cli): Command {
  const command = newCommand('undrain', 'Has a node take tasks again. What has left it does not come back by itself.')
    .summary('have a node take tasks again')
    .argument('<name>', 'the node, by name or id', parsing(parseName))
  return withConnection(command).action(async (name: string, flags: AddressFlags) => {
    const node = await withClient(cli, flags, (client) => client.undrainNode(name))
    cli.output.line(node.name)
  })
}

export function buildRemove(cli: Cli): Command {
  const description = 'Forgets a node that is Down, or that is drained and whose worker is stopped.'
  const command = newCommand('rm', description)
    .summary('forget a node that is gone')
    .argument('<name>', 'the node, by name or id', parsing(parseName))
  return withConnection(command).action(async (name: string, flags: AddressFlags) => {
    await withClient(cli, flags, (client) => client.removeNode(name))
    cli.output.line(name)
  })
}
