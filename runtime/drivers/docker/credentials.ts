/** The registry credentials of the worker's user, as `docker login` leaves them: `auths`, `credsStore`, `credHelpers`. */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { Clock } from '../../clock.ts'
import { StartFailure } from './failure.ts'

/** What the engine takes as X-Registry-Auth. Never logged. */
export interface RegistryAuth {
  readonly username?: string
  readonly password?: string
  readonly identitytoken?: string
  readonly serveraddress: string
}

const dockerHub = 'https://index.docker.io/v1/'
/** A helper that says more than this is broken. */
const helperAnswerBytesMax = 64 * 1_024

interface ConfigFile {
  readonly auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>
  readonly credsStore?: string
  readonly credHelpers?: Record<string, string>
}

/** The registry of an image, as docker's configuration names it. */
export function registryOf(image: string): string {
  const [first = '', ...rest] = image.split('/')
  const isHost = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  return isHost && first !== 'docker.io' && first !== 'index.docker.io' ? first : dockerHub
}

/** Reads the file anew for each pull, so that a `docker login` needs no restart of the worker. */
export class Credentials {
  readonly #path: string
  readonly #clock: Clock
  readonly #helperMs: number

  constructor(options: { readonly configPath: string; readonly clock: Clock; readonly helperMs: number }) {
    this.#path = options.configPath
    this.#clock = options.clock
    this.#helperMs = options.helperMs
  }

  /** What to show to the registry of `image`; undefined if nothing is known. Throws StartFailure `pull-failed`. */
  async of(image: string): Promise<RegistryAuth | undefined> {
    const registry = registryOf(image)
    const config = await this.#read()
    const helper = config.credHelpers?.[registry] ?? config.credsStore
    const found = helper ? await this.#ask(helper, registry) : undefined
    return found ?? authOf(config, registry)
  }

  async #read(): Promise<ConfigFile> {
    const text = await readFile(this.#path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '{}'
      throw new StartFailure('pull-failed', true, `The worker cannot read its ${this.#path}: ${error.code}.`)
    })
    try {
      return JSON.parse(text) as ConfigFile
    } catch {
      // The parser's own message may quote a password.
      throw new StartFailure('pull-failed', true, `The worker's ${this.#path} is not valid JSON: correct it.`)
    }
  }

  /** Docker's protocol for helpers: the registry on stdin, JSON on stdout; or code 1 and "credentials not found". */
  async #ask(helper: string, registry: string): Promise<RegistryAuth | undefined> {
    const program = `docker-credential-${helper}`
    const fail = (why: string) => new StartFailure('pull-failed', true, `The credential helper ${program} ${why}.`)
    if (!/^[A-Za-z0-9._-]+$/.test(helper)) throw fail(`of ${this.#path} has a name that no program can have`)
    const { code, stdout } = await this.#run(program, registry, fail)
    if (code !== 0) {
      if (/credentials not found/i.test(stdout)) return undefined
      throw fail(`failed with code ${code} for ${registry}: run it by hand to see why, or take it out of ${this.#path}`)
    }
    let answer: { Username?: string; Secret?: string }
    try {
      answer = JSON.parse(stdout) as { Username?: string; Secret?: string }
    } catch {
      throw fail('answered something that is not JSON')
    }
    if (!answer.Secret) return undefined
    // By docker's convention this name means that the secret is a token and not a password.
    if (answer.Username === '<token>') return { identitytoken: answer.Secret, serveraddress: registry }
    return { username: answer.Username ?? '', password: answer.Secret, serveraddress: registry }
  }

  #run(program: string, input: string, fail: (why: string) => StartFailure) {
    return new Promise<{ code: number; stdout: string }>((resolve, reject) => {
      const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'ignore'] })
      const cancel = this.#clock.setTimer(() => {
        child.kill('SIGKILL')
        // A grandchild may hold the pipe open, so the end of the output is not waited for.
        child.stdout.destroy()
        reject(fail(`did not answer within ${this.#helperMs / 1_000} s`))
      }, this.#helperMs)
      let stdout = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text
        if (stdout.length > helperAnswerBytesMax) child.kill('SIGKILL')
      })
      child.stdin.on('error', () => {}).end(input)
      child.on('error', (error: NodeJS.ErrnoException) => {
        cancel()
        const why = error.code === 'ENOENT' ? 'is not installed on the worker' : `could not be run (${error.code})`
        reject(fail(why))
      })
      child.on('close', (code) => {
        cancel()
        resolve({ code: code ?? -1, stdout })
      })
    })
  }
}

function authOf(config: ConfigFile, registry: string): RegistryAuth | undefined {
  const wanted = hostOf(registry)
  const entry = Object.entries(config.auths ?? {}).find(([name]) => name === registry || hostOf(name) === wanted)?.[1]
  if (entry === undefined) return undefined
  if (entry.identitytoken) return { identitytoken: entry.identitytoken, serveraddress: registry }
  const [username, password] = entry.auth ? decode(entry.auth) : [entry.username, entry.password]
  return username === undefined || password === undefined ? undefined : { username, password, serveraddress: registry }
}

/** A user name has no colon; a password may. Some tools pad the text with NULs. */
function decode(auth: string): [string, string] | [] {
  const text = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '')
  const colon = text.indexOf(':')
  return colon < 0 ? [] : [text.slice(0, colon), text.slice(colon + 1)]
}

/** Older configurations name a registry by a whole URL. */
const hostOf = (name: string): string => name.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
