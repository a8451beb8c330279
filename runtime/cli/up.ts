/** `troupe up` */
import type { Command } from 'commander'
import { type Cli, newCommand } from './command.ts'
import {
  type ManagerFlags,
  type OfferFlags,
  offerOf,
  withManagerFlags,
  withOfferFlags,
  withStoreFlags,
} from './host-flags.ts'
import { managerOptionsOf } from './manager.ts'
import { loggerFor, serve } from './serve.ts'

/** Who gives the whole machine away has to say so. */
const mountsBelow = (cwd: string): string[] => (cwd === '/' ? [] : [cwd])

export function buildUp(cli: Cli): Command {
  const description =
    'Starts a manager and a worker in one process, with the process driver, and docker if an engine answers.'
  const command = withStoreFlags(withOfferFlags(withManagerFlags(newCommand('up', description)))).addHelpText(
    'after',
    '\nWithout --allow-mount, tasks may mount the folder in which it is started, and all below it.',
  )
  return command.action(async (flags: ManagerFlags & OfferFlags) => {
    const options = {
      ...managerOptionsOf(cli, flags),
      ...offerOf(flags, cli.io.cwd, mountsBelow(cli.io.cwd)),
      logger: loggerFor(cli, flags),
    }
    await serve(
      cli,
      async () => (await cli.io.loadRoots()).openUp(options),
      ({ address, tokenFile, name, inspector }) => {
        cli.output.line(`manager:   ${address}`)
        cli.output.line(`token:     ${tokenFile}`)
        cli.output.line(`worker:    ${name}`)
        cli.output.line(`inspector: ${inspector}`)
      },
    )
  })
}
