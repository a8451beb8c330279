/**
 * How requests go to the engine. docker-modem, beneath dockerode, decides where they go and in which words; Node's own
 * client sends them here. docker-modem's own way describes each of them in a text for a debugger that is hardly ever there
 * (of an agent that would be all its sockets), parses its address for a redirection that no engine gives, and leaves a
 * promise open for good whose answer breaks off.
 */
import http from 'node:http'
import https from 'node:https'
import Docker from 'dockerode'

/** What docker-modem makes of a request. */
interface Outgoing extends https.RequestOptions {
  signal?: AbortSignal
}

/** What dockerode asked docker-modem for, as far as it matters here. */
interface Asked {
  readonly isStream?: boolean
  /** `true` for those that are fine, and words for others. */
  readonly statusCodes: Readonly<Record<number, true | string>>
}

type Done = (error: unknown, result: unknown) => void

/** The parts of docker-modem that are used or replaced. */
interface Modem {
  readonly protocol: 'http' | 'https' | 'ssh'
  agent: http.Agent | undefined
  buildRequest(options: Outgoing, asked: Asked, data: unknown, done: Done): void
  buildPayload(
    error: unknown,
    isStream: boolean | undefined,
    statusCodes: Asked['statusCodes'],
    openStdin: boolean,
    request: http.ClientRequest,
    response: http.IncomingMessage,
    json: unknown,
    done: Done,
  ): void
}

/**
 * How long a connection is kept for another request, in milliseconds. An engine that ends or restarts closes those that
 * are kept at once; what lies before it on a network may forget them without a word, but not as soon as that.
 */
const keptMs = 4_000

export interface Requests {
  readonly docker: Docker
  /** Cuts every connection. */
  close(): void
}

/** A dockerode client whose requests go as described above. Throws if DOCKER_HOST cannot be understood. */
export function createRequests(socketPath: string | undefined): Requests {
  // `host: undefined` keeps DOCKER_HOST from winning over the socket that was asked for.
  const place = socketPath === undefined ? {} : { socketPath, host: undefined }
  const { modem: plain } = new Docker(place as Docker.DockerOptions) as unknown as { modem: Modem }
  // ssh brings an agent of its own, which only docker-modem knows to make.
  if (plain.protocol === 'ssh') return { docker: new Docker(place as Docker.DockerOptions), close() {} }
  const client = plain.protocol === 'https' ? https : http
  const agent = new client.Agent({ keepAlive: true, timeout: keptMs })
  const buildRequest: Modem['buildRequest'] = (options, asked, data, done) => {
    try {
      send(modem, client, options, asked, data, done)
    } catch (error) {
      // Node refuses some addresses and headers at once.
      done(error, null)
    }
  }
  const modem: Modem = Object.assign(Object.create(plain) as Modem, { agent, buildRequest })
  return { docker: new Docker({ modem } as unknown as Docker.DockerOptions), close: () => agent.destroy() }
}

function send(
  modem: Modem,
  client: Pick<typeof http, 'request'>,
  { signal, ...options }: Outgoing,
  { isStream, statusCodes }: Asked,
  data: unknown,
  done: Done,
): void {
  const request = client.request(options)
  let isDone = false
  const settle: Done = (error, result) => {
    if (isDone) return
    isDone = true
    done(error, result)
  }
  const cut = () => request.destroy()
  if (signal?.aborted) cut()
  signal?.addEventListener('abort', cut)
  request.on('error', (error) => settle(error, null))
  request.on('response', (response) => {
    const answer = (json: unknown) =>
      modem.buildPayload(null, isStream, statusCodes, false, request, response, json, settle)
    if (isStream) return answer(null)
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (part: string) => {
      text += part
    })
    response.on('error', (error) => settle(error, null))
    response.on('end', () => answer(parsed(text)))
  })
  request.end(data)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) ?? text
  } catch {
    return text
  }
}
