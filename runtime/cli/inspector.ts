/** `troupe inspector` */
import type { Command } from 'commander'
import { inspectorUrl } from '../inspector-files.ts'
import { type AddressFlags, findTarget } from './address.ts'
import { type Cli, newCommand } from './command.ts'
import { connectTo, withConnection } from './connection.ts'
import { exitCodes, Failure } from './failure.ts'

interface InspectorFlags extends AddressFlags {
  readonly view?: boolean
}

export function buildInspector(cli: Cli): Command {
  const description =
    'Prints where a browser finds the inspector of a running manager. The token is in the address: whoever has it can do everything, or, with --view, look.'
  const command = newCommand('inspector', description).option(
    '--view',
    'an address that may only look, with the token in <data-dir>/view-token',
  )
  return withConnection(command).action(async (flags: InspectorFlags) => {
    const { io, output } = cli
    const isView = flags.view === true
    const target = findTarget(flags, io.env, io.cwd, isView ? 'view-token' : 'token')
    const client = await connectTo(cli, target)
    const { access = 'everything' } = client.welcome
    await client.close()
    if (isView && access !== 'view') {
      const next = `give the one in the manager's <data-dir>/view-token.`
      throw new Failure(exitCodes.error, `The token that was given may do everything, and not only look; ${next}`)
    }
    if (!isView && access === 'view') output.note('troupe: the token that was given may only look')
    output.line(inspectorUrl(target.url, target.token))
  })
}
