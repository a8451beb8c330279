/** The few calls to a Docker engine that the scripts make, over its socket: no client of docker needs to be installed. */
import { type IncomingMessage, request } from 'node:http'
import type { Readable } from 'node:stream'

interface Answer {
  readonly status: number
  readonly text: string
}

const defaultSocket = '/var/run/docker.sock'
const answerMs = 5_000
const pullMs = 60_000

/** Whether an engine answers, at DOCKER_HOST or the usual socket. */
export async function engineAnswers(): Promise<boolean> {
  return (await call('GET', '/_ping').catch(() => undefined))?.status === 200
}

/** Whether the engine has the image. */
export async function engineHas(image: string): Promise<boolean> {
  return (await call('GET', `/images/${image}/json`).catch(() => undefined))?.status === 200
}

/** Fetches `name:tag`, at most for a minute. Throws a sentence when it could not. */
export async function pullImage(name: string, tag: string): Promise<void> {
  const path = `/images/create?fromImage=${encodeURIComponent(name)}&tag=${encodeURIComponent(tag)}`
  refuseErrors(await call('POST', path, { withinMs: pullMs }))
}

/** Makes an image of a tar of its files; its commands are looked for in /bin. */
async function importImage(image: string, tar: Readable): Promise<void> {
  const [repo, tag] = image.split(':') as [string, string]
  const query = new URLSearchParams({ fromSrc: '-', repo, tag, changes: 'ENV PATH=/bin' })
  refuseErrors(await call('POST', `/images/create?${query}`, { body: tar, withinMs: pullMs }))
}

async function tagImage(image: string, as: string): Promise<void> {
  const [repo, tag] = as.split(':') as [string, string]
  refuseErrors(await call('POST', `/images/${image}/tag?${new URLSearchParams({ repo, tag })}`))
}

async function engineVersion(): Promise<string> {
  const { text } = await call('GET', '/version')
  return (JSON.parse(text) as { Version: string }).Version
}

/** A stream of progress is answered with 200 even when it ends in an error, which is then its last line. */
function refuseErrors({ status, text }: Answer): void {
  const error = /"(?:error|message)":"((?:[^"\\]|\\.)*)"/.exec(text)?.[1]
  if (status >= 400 || text.includes('"error"'))
    throw new Error(`the engine answered ${status}: ${error ?? text.trim()}`)
}

function call(method: string, path: string, more: { body?: Readable; withinMs?: number } = {}): Promise<Answer> {
  const { body, withinMs = answerMs } = more
  return new Promise((resolve, reject) => {
    const options = { method, path, ...engineAddress(), signal: AbortSignal.timeout(withinMs) }
    const sent = request(options, (response) => readAll(response).then(resolve, reject))
    sent.on('error', reject)
    if (!body) {
      sent.end()
      return
    }
    sent.setHeader('content-type', 'application/x-tar')
    body.on('error', reject).pipe(sent)
  })
}

function engineAddress(): { socketPath: string } | { host: string; port: number } {
  const host = process.env.DOCKER_HOST || `unix://${defaultSocket}`
  if (host.startsWith('unix://')) return { socketPath: host.slice('unix://'.length) }
  const { hostname, port } = new URL(host.replace(/^tcp:/, 'http:'))
  return { host: hostname, port: Number(port || 2375) }
}

async function readAll(response: IncomingMessage): Promise<Answer> {
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return { status: response.statusCode ?? 0, text }
}

/** What scripts/test asks: each verb ends with 0 for yes or done, 1 for no. */
async function main([verb, first = '', second = '', third = '']: string[]): Promise<boolean> {
  switch (verb) {
    case 'ping':
      return engineAnswers()
    case 'version':
      console.log(await engineVersion())
      return true
    case 'has':
      return engineHas(first)
    case 'import':
      await importImage(first, process.stdin)
      return true
    case 'pull':
      await pullImage(first, second)
      if (third) await tagImage(`${first}:${second}`, third)
      return true
    default:
      throw new Error(`unknown verb ${verb}; use ping, version, has, import or pull`)
  }
}

if (import.meta.filename === process.argv[1]) {
  try {
    process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
  } catch (error) {
    console.error(`engine: ${(error as Error).message}`)
    process.exitCode = 1
  }
}
