/** `troupe manager` */
import type { Command } from 'commander'
import { dataDirOf, parseListen } from './address.ts'
import { type Cli, newCommand } from './command.ts'
import { type ManagerFlags, withManagerFlags, withStoreFlags } from './host-flags.ts'
import { loggerFor, serve } from './serve.ts'

export function buildManager(cli: Cli): Command {
  const command = newCommand('manager', 'Starts a manager: it owns the tasks and places them on workers that dial in.')
  return withStoreFlags(withManagerFlags(command)).action(async (flags: ManagerFlags) => {
    const options = { ...managerOptionsOf(cli, flags), logger: loggerFor(cli, flags) }
    await serve(
      cli,
      async () => (await cli.io.loadRoots()).openManager(options),
      ({ address, tokenFile, inspector }) => {
        cli.output.line(`manager:   ${address}`)
        cli.output.line(`token:     ${tokenFile}`)
        cli.output.line(`inspector: ${inspector}`)
      },
    )
  })
}

/** ManagerOptions without the logger. Throws UsageError. */
export function managerOptionsOf({ io }: Cli, flags: ManagerFlags) {
  const insecure = flags.insecure === true
  const token = flags.token ?? (io.env.TROUPE_TOKEN || undefined)
  return {
    listen: parseListen(flags.listen, insecure),
    dataDir: dataDirOf(flags, io.env, io.cwd),
    storage: flags.storage,
    scheduler: flags.scheduler,
    ...(token === undefined ? {} : { token }),
    insecure,
    ...(flags.newTerm === true ? { newTerm: true } : {}),
    ...(flags.allowOrigin === undefined ? {} : { allowOrigins: flags.allowOrigin }),
  }
}
