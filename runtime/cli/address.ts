/** Where the manager is and what to show it: flag, then environment, then default. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { exitCodes, Failure, UsageError } from './failure.ts'

export const defaultPort = 4747
export const defaultAddress = `127.0.0.1:${defaultPort}`
export const defaultDataDir = '.troupe'

type Environment = Readonly<Record<string, string | undefined>>

export interface AddressFlags {
  readonly addr?: string
  readonly token?: string
  readonly dataDir?: string
  readonly ca?: string
}

export interface Target {
  /** `ws://host:port` or `wss://host:port`. */
  readonly url: string
  /** Empty if none was found. */
  readonly token: string
  /** What to say when the manager refuses the token. */
  readonly tokenHint: string
  /** Authorities to trust beside those that come with Node, in PEM. */
  readonly ca?: string
}

/** `host`, `host:port`, `ws://…` or `wss://…` as a URL. Throws UsageError. */
export function parseAddress(text: string): string {
  const withScheme = /^[a-z]+:\/\//i.test(text) ? text : `ws://${text}`
  let url: URL
  try {
    url = new URL(withScheme)
  } catch {
    throw new UsageError(`"${text}" is no address; write host:port, ws://host:port or wss://host:port.`)
  }
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw new UsageError(`"${text}" is no address of a manager; it begins with ws:// or wss://.`)
  }
  if (url.port === '' && url.protocol === 'ws:' && !/:\d+(\/|$)/.test(text)) url.port = String(defaultPort)
  return url.href.replace(/\/$/, '')
}

/** Whether only this machine can be meant. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '').toLowerCase()
  return bare === 'localhost' || bare === '::1' || /^127(\.\d{1,3}){3}$/.test(bare)
}

/** `host:port` for listening. Throws UsageError for a wrong one, and for one beyond this machine unless that `isSafe`. */
export function parseListen(text: string, isSafe: boolean): string {
  const match = /^(\[[0-9a-fA-F:.%]+\]|[^:[\]\s]+):(\d{1,5})$/.exec(text)
  const [, host, port] = match ?? []
  if (host === undefined || Number(port) > 65_535) {
    throw new UsageError(`"${text}" is nothing to listen on; write host:port, for example ${defaultAddress}.`)
  }
  if (!isSafe && !isLoopback(host)) {
    throw new UsageError(
      `${host} can be reached from other machines, and what passes would not be encrypted; give a certificate with ` +
        '--tls-cert and --tls-key, or add --insecure if you trust the network.',
    )
  }
  return text
}

export function dataDirOf(flags: AddressFlags, env: Environment, cwd: string): string {
  // Of a variable that was never set, mostly: it would be the working directory.
  if (flags.dataDir === '') throw new UsageError('--data-dir is empty; give the path of a folder, or leave it out.')
  return resolve(cwd, flags.dataDir ?? (env.TROUPE_DATA_DIR || defaultDataDir))
}

/**
 * The manager that a command speaks to, and which of its tokens to show. Throws UsageError, or Failure if the token cannot
 * be read.
 */
export function findTarget(
  flags: AddressFlags,
  env: Environment,
  cwd: string,
  name: 'token' | 'view-token' = 'token',
): Target {
  const url = parseAddress(flags.addr ?? (env.TROUPE_ADDR || defaultAddress))
  const ca = caOf(flags, env, cwd)
  const trust = ca === undefined ? {} : { ca }
  // The environment holds the token for everything; who asks for the other does not mean that one.
  const given = flags.token ?? (name === 'token' ? env.TROUPE_TOKEN || undefined : undefined)
  if (given !== undefined) return { url, ...trust, token: given, tokenHint: 'Check --token or TROUPE_TOKEN.' }
  const file = join(dataDirOf(flags, env, cwd), name)
  const isAsked = flags.dataDir !== undefined || !!env.TROUPE_DATA_DIR
  // The token in the default place belongs to this machine's manager; another machine has no business with it.
  if (!isAsked && !isLoopback(new URL(url).hostname)) {
    return {
      url,
      ...trust,
      token: '',
      tokenHint: `Give that manager's token with --token, TROUPE_TOKEN or --data-dir.`,
    }
  }
  const token = readToken(file)
  const hint =
    token === undefined
      ? `There is no token in ${file}: give --data-dir, --token or TROUPE_TOKEN.`
      : `The token in ${file} is another manager's: give --data-dir, --token or TROUPE_TOKEN.`
  return { url, ...trust, token: token ?? '', tokenHint: hint }
}

/** The authorities in the file that `--ca` or TROUPE_CA names. Throws UsageError if it holds none. */
function caOf(flags: AddressFlags, env: Environment, cwd: string): string | undefined {
  const named = flags.ca ?? (env.TROUPE_CA || undefined)
  if (named === undefined) return undefined
  if (named === '') throw new UsageError('--ca is empty; give the path of a PEM file, or leave it out.')
  const source = flags.ca === undefined ? 'TROUPE_CA' : '--ca'
  let text: string
  try {
    text = readFileSync(resolve(cwd, named), 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new UsageError(`${source} names ${named}, which cannot be read (${code}).`)
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text
  throw new UsageError(`${source} names ${named}, which holds no certificate; give a PEM file.`)
}

/** What a token file holds, or undefined if there is none. Throws Failure if it may not be read. */
export function readToken(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    const why = code === 'EACCES' || code === 'EPERM' ? 'it belongs to another user' : (error as Error).message
    const next = 'run this as the user that started the manager, or give --token.'
    throw new Failure(exitCodes.unreachable, `The token in ${file} cannot be read: ${why}; ${next}`, { cause: error })
  }
}
