/** `troupe manager` */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { dataDirOf, parseListen } from './address.ts'
import { type Cli, newCommand } from './command.ts'
import { UsageError } from './failure.ts'
import { type ManagerFlags, withManagerFlags, withStoreFlags } from './host-flags.ts'
import { retentionOf } from './kept.ts'
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
  const tls = tlsOf(flags, io.cwd)
  const token = flags.token ?? (io.env.TROUPE_TOKEN || undefined)
  return {
    listen: parseListen(flags.listen, insecure || tls !== undefined),
    ...(tls === undefined ? {} : { tls }),
    dataDir: dataDirOf(flags, io.env, io.cwd),
    storage: flags.storage,
    scheduler: flags.scheduler,
    ...(token === undefined ? {} : { token }),
    insecure,
    ...(flags.newTerm === true ? { newTerm: true } : {}),
    ...retentionOf(flags),
    ...(flags.allowOrigin === undefined ? {} : { allowOrigins: flags.allowOrigin }),
  }
}

function tlsOf({ tlsCert, tlsKey }: ManagerFlags, cwd: string): { certFile: string; keyFile: string } | undefined {
  if (tlsCert === undefined && tlsKey === undefined) return undefined
  if (tlsKey === undefined) throw new UsageError('--tls-cert needs --tls-key, the file with its private key.')
  if (tlsCert === undefined) throw new UsageError('--tls-key needs --tls-cert, the file with its certificate.')
  return { certFile: resolve(cwd, tlsCert), keyFile: resolve(cwd, tlsKey) }
}
