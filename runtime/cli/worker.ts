/** `troupe worker` */
import type { Command } from 'commander'
import { dataDirOf, findTarget } from './address.ts'
import { type Cli, newCommand } from './command.ts'
import { UsageError } from './failure.ts'
import { type OfferFlags, offerOf, type StoreFlags, withOfferFlags, withStoreFlags } from './host-flags.ts'
import { loggerFor, serve } from './serve.ts'

interface WorkerFlags extends StoreFlags, OfferFlags {
  readonly manager?: string
  readonly ca?: string
}

export function buildWorker(cli: Cli): Command {
  const command = newCommand('worker', 'Starts a worker: it dials a manager and runs attempts. It opens no port.')
    .option('--manager <address>', `the manager's address, ws:// or wss:// (env TROUPE_ADDR)`)
    .option('--ca <file>', 'authorities to trust with wss://, PEM, beside the usual ones (env TROUPE_CA)')
    .option('--token <token>', `the manager's token (env TROUPE_TOKEN, default: the one in <data-dir>/token)`)
  return withStoreFlags(withOfferFlags(command)).action(async (flags: WorkerFlags) => {
    const { io, output } = cli
    const { url, token, tokenHint, ca } = findTarget(
      { ...flags, ...(flags.manager ? { addr: flags.manager } : {}) },
      io.env,
      io.cwd,
    )
    if (token === '') throw new UsageError(`A worker must show its manager's token. ${tokenHint}`)
    const options = {
      manager: url,
      dataDir: dataDirOf(flags, io.env, io.cwd),
      storage: flags.storage,
      ...offerOf(flags, io.cwd, []),
      token,
      ...(ca === undefined ? {} : { ca }),
      logger: loggerFor(cli, flags),
    }
    await serve(
      cli,
      async () => (await io.loadRoots()).openWorker(options),
      ({ name, nodeId, connected }) => {
        output.line(`worker:  ${name} (${nodeId})`)
        void connected.then(
          () => output.line(`manager: ${url}`),
          () => undefined,
        )
      },
    )
  })
}
