/** The dialling end: from a URL to an open connection, or to one sentence that says why there is none. */
import type { IncomingMessage } from 'node:http'
import { rootCertificates } from 'node:tls'
import { type ClientOptions, WebSocket } from 'ws'
import { parseDialUrl } from '../address.ts'
import { closeAnswerMs } from '../close.ts'
import { type Connection, type ConnectOptions, TransportError } from '../transport.ts'
import { WebsocketConnection } from './connection.ts'
import { keepAliveMs, type WebsocketContext } from './context.ts'

const connectTimeoutMs = 5_000
/** As much of a refusal's body as is read, in bytes. */
const refusalBytesMax = 1_024

export async function dialWebsocket(
  url: string,
  options: ConnectOptions,
  context: WebsocketContext,
): Promise<Connection> {
  const target = parseDialUrl(url, ['ws:', 'wss:'])
  const { signal } = options
  signal?.throwIfAborted()
  // The types of `ws` do not know `closeTimeout` yet.
  const clientOptions: ClientOptions & { closeTimeout: number } = {
    perMessageDeflate: false,
    maxPayload: context.limits.frameBytesMax,
    closeTimeout: closeAnswerMs,
    // A list replaces those that come with Node, and so it begins with them.
    ...(context.ca === undefined ? {} : { ca: [...rootCertificates, context.ca] }),
  }
  const socket = new WebSocket(target, [...options.protocols], clientOptions)
  const timeoutMs = options.timeoutMs ?? connectTimeoutMs
  let cancelTimer = (): void => {}
  let onAbort = (): void => {}
  try {
    return await new Promise<Connection>((resolve, reject) => {
      // The promise settles once; what comes after it changes nothing.
      cancelTimer = context.clock.setTimer(() => {
        reject(new TransportError('timeout', `${url} did not answer within ${timeoutMs} ms. ${checkAddress}`))
        socket.terminate()
      }, timeoutMs)
      onAbort = () => {
        reject(signal?.reason)
        socket.terminate()
      }
      signal?.addEventListener('abort', onAbort)
      socket.on('error', (error) => reject(dialError(error, url, options.protocols)))
      socket.on('upgrade', (response) => response.socket.setKeepAlive(true, keepAliveMs))
      socket.on('unexpected-response', (_, response) => void refusal(response, url).then(reject))
      socket.on('open', () => {
        try {
          resolve(handOver(socket, target.host, context))
        } catch (error) {
          // A subprotocol that was offered and that no codec speaks.
          reject(error)
          socket.terminate()
        }
      })
    })
  } finally {
    cancelTimer()
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Whoever awaits the connection sets its handlers some microtasks from now; frames are not read before. */
function handOver(socket: WebSocket, peer: string, context: WebsocketContext): Connection {
  const connection = new WebsocketConnection(socket, peer, context)
  connection.begin()
  return connection
}

const checkAddress = 'Check the address, and that the other end is running.'

/** Any HTTP answer but 101. Its first line is passed on: that is where a listener says why. */
async function refusal(response: IncomingMessage, url: string): Promise<TransportError> {
  let body = ''
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      body += String(chunk)
      if (body.length >= refusalBytesMax) break
    }
  } catch {
    // Half a sentence is better than none.
  }
  response.destroy()
  const isText = response.headers['content-type']?.startsWith('text/plain') === true
  const sentence = isText ? printable(body.slice(0, refusalBytesMax)) : 'What listens there may not be Troupe.'
  return new TransportError('refused', `${url} refused the connection (HTTP ${response.statusCode}): ${sentence}`)
}

/** The sentence comes from outside and ends on somebody's terminal. */
function printable(text: string): string {
  return text.replaceAll(/\p{C}+/gu, ' ').trim()
}

function dialError(error: Error & { code?: string }, url: string, protocols: readonly string[]): TransportError {
  const options = { cause: error }
  if (error.message.includes('subprotocol')) {
    const why = `${url} speaks none of ${protocols.join(', ')}.`
    return new TransportError('subprotocol', `${why} Its version and yours do not fit; upgrade the older one.`, options)
  }
  if (error.code === 'ECONNREFUSED') {
    return new TransportError('unreachable', `Nothing listens at ${url}. Start it, or check the address.`, options)
  }
  if (isAboutCertificate(error)) {
    const why = `The certificate of ${url} is not trusted (${error.code}: ${error.message}).`
    const next = 'Dial the name that it is made out to, and give the authority that signed it with --ca or TROUPE_CA.'
    return new TransportError('certificate', `${why} ${next}`, options)
  }
  if (error.code === 'EPROTO') {
    return new TransportError(
      'unreachable',
      `${url} does not speak TLS. Dial it with ws://, or check the port.`,
      options,
    )
  }
  if (url.startsWith('ws:') && error.code === 'ECONNRESET') {
    const why = `${url} closed the connection at once; if it speaks TLS, dial it with wss://. ${checkAddress}`
    return new TransportError('unreachable', why, options)
  }
  const why = error.code ?? error.message
  return new TransportError('unreachable', `${url} cannot be reached (${why}). ${checkAddress}`, options)
}

/** What OpenSSL and Node say of a certificate that was looked at and not believed. */
const certificateCode =
  /CERT|UNABLE_TO_(GET|VERIFY)|ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)/

const isAboutCertificate = ({ code }: { code?: string }): boolean => code !== undefined && certificateCode.test(code)
