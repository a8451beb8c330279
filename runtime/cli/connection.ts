/** How a command reaches its manager. */
import type { Command } from 'commander'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Client } from '../client/client.ts'
import type { Link } from '../client/link.ts'
import { silentLogger } from '../logger.ts'
import { type AddressFlags, defaultAddress, defaultDataDir, findTarget, type Target } from './address.ts'
import type { Cli } from './command.ts'

/** Adds the flags that every command with a manager understands. */
export function withConnection(command: Command): Command {
  return command
    .option('--addr <address>', `the manager's address (env TROUPE_ADDR, default ${defaultAddress})`)
    .option('--token <token>', `the manager's token (env TROUPE_TOKEN, default: the one in <data-dir>/token)`)
    .option('--ca <file>', 'authorities to trust with wss://, PEM, beside the usual ones (env TROUPE_CA)')
    .option('--data-dir <folder>', `where to look for the token (env TROUPE_DATA_DIR, default ${defaultDataDir})`)
}

/** Connects, with sentences that say what to do when nobody answers or the token is wrong. */
export function connect(cli: Cli, flags: AddressFlags): Promise<Client> {
  return connectTo(cli, findTarget(flags, cli.io.env, cli.io.cwd))
}

/** Likewise, where it is known already with whom and by which token. */
export async function connectTo({ io }: Cli, { url, token, tokenHint, ca }: Target): Promise<Client> {
  const [{ connectClient }, transport] = await Promise.all([import('../client/client.ts'), io.loadTransport(ca)])
  try {
    const { clock, random } = io
    return await connectClient({ transport, url, token, clock, random, logger: silentLogger })
  } catch (error) {
    throw explained(error, url, tokenHint)
  }
}

/** Does something with a connection, and ends it whatever happens. */
export async function withClient<T>(cli: Cli, flags: AddressFlags, use: (client: Client) => Promise<T>): Promise<T> {
  const client = await connect(cli, flags)
  try {
    return await use(client)
  } finally {
    await client.close()
  }
}

/** A connection that comes back by itself; says on stderr when it went and when it is back. */
export async function openCliLink(cli: Cli, flags: AddressFlags): Promise<Link> {
  const { openLink } = await import('../client/link.ts')
  const { output, io } = cli
  return openLink({
    connect: () => connect(cli, flags),
    clock: io.clock,
    random: io.random,
    onLost: () => output.note('troupe: the connection to the manager was lost; trying again for 30 s'),
    onBack: () => output.note('troupe: connected again'),
  })
}

function explained(error: unknown, url: string, tokenHint: string): unknown {
  if (!(error instanceof TroupeError)) return error
  if (error.code === 'Unauthorized')
    return new TroupeError('Unauthorized', `${error.message} ${tokenHint}`, { cause: error })
  if (error.code !== 'Unavailable') return error
  if (isTransportError(error.cause) && error.cause.code === 'certificate') return error
  // The transport's own advice, behind its first sentence, is for those who know no manager.
  const [why = error.message] = error.message.split(/(?<=\.) /)
  const named = why.includes(new URL(url).host) ? why : `${url}: ${why}`
  const next = 'Start a manager with "troupe up", or say where one is with --addr or TROUPE_ADDR.'
  return new TroupeError('Unavailable', `${named} ${next}`, { cause: error })
}

const isTransportError = (error: unknown): error is { readonly code: string } =>
  error instanceof Error && error.name === 'TransportError'
