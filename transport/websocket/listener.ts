/** The listening end: an HTTP server that upgrades to WebSockets; what else it serves is its user's. */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ServerOptions, type WebSocket, WebSocketServer } from 'ws'
import { formatHostAndPort, parseHostAndPort } from '../address.ts'
import { closeAnswerMs, closes, fitReason, subprotocolReason } from '../close.ts'
import { type Listener, type ListenOptions, TransportError } from '../transport.ts'
import { followCertificate, readCertificate } from './certificate.ts'
import { WebsocketConnection } from './connection.ts'
import { keepAliveMs, type WebsocketContext } from './context.ts'
import { answerHttp, httpLimits } from './http.ts'

/** A peer that has not said by then what it wants is not ours, in milliseconds. */
const headersTimeoutMs = 10_000

export async function listenWebsocket(
  address: string,
  options: ListenOptions,
  context: WebsocketContext,
): Promise<Listener> {
  const { host, port } = parseHostAndPort(address)
  const { server, release } = await makeServer(context)
  await bind(server, host, port, address).catch((error) => {
    release()
    throw error
  })
  const listener = new WebsocketListener(server, options, context)
  server.on('close', release)
  server.on('request', (request, response) => listener.answer(request, response))
  server.on('upgrade', (request, socket, head) => listener.upgrade(request, socket, head))
  return listener
}

const serverOptions = {
  ...{ keepAlive: true, keepAliveInitialDelay: keepAliveMs, noDelay: true },
  ...{ headersTimeout: headersTimeoutMs, requestTimeout: httpLimits.requestMs, keepAliveTimeout: httpLimits.idleMs },
  connectionsCheckingInterval: httpLimits.checkMs,
}

interface MadeServer {
  readonly server: Server | TlsServer
  /** Lets go of what the server needs beside itself. */
  readonly release: () => void
}

async function makeServer(context: WebsocketContext): Promise<MadeServer> {
  const { tls } = context
  if (tls === undefined) return { server: createServer(serverOptions), release() {} }
  const certificate = await readCertificate(tls)
  const server = createTlsServer({
    ...{ ...serverOptions, ...certificate },
    minVersion: 'TLSv1.2',
    handshakeTimeout: headersTimeoutMs,
  })
  const release = followCertificate(tls, certificate, context, (renewed) => {
    server.setSecureContext({ ...renewed, minVersion: 'TLSv1.2' })
  })
  return { server, release }
}

function bind(server: Server | TlsServer, host: string, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => reject(bindError(error, address))
    server.once('error', refused)
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', refused)
      resolve()
    })
  })
}

function bindError(error: NodeJS.ErrnoException, address: string): TransportError {
  const options = { cause: error }
  if (error.code === 'EADDRINUSE') {
    const why = `Port ${address.slice(address.lastIndexOf(':') + 1)} is taken: something listens at ${address} already.`
    return new TransportError('address-in-use', `${why} Stop it, or choose another port.`, options)
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    const why = `This user may not listen at ${address}.`
    return new TransportError('permission', `${why} Choose a port of 1024 or above.`, options)
  }
  const why = `This machine has no address ${address} to listen at (${error.code ?? error.message}).`
  return new TransportError('address-not-available', `${why} Choose one of its own, such as 127.0.0.1.`, options)
}

class WebsocketListener implements Listener {
  readonly address: string
  readonly #server: Server | TlsServer
  readonly #options: ListenOptions
  readonly #context: WebsocketContext
  readonly #upgrader: WebSocketServer
  readonly #connections = new Set<WebsocketConnection>()
  #closed: Promise<void> | undefined

  constructor(server: Server | TlsServer, options: ListenOptions, context: WebsocketContext) {
    const { address, port } = server.address() as AddressInfo
    this.address = `${context.tls ? 'wss' : 'ws'}://${formatHostAndPort({ host: address, port })}`
    this.#server = server
    this.#options = options
    this.#context = context
    // The types of `ws` do not know `closeTimeout` yet.
    const serverOptions: ServerOptions & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: context.limits.frameBytesMax,
      closeTimeout: closeAnswerMs,
      // One that nobody here speaks is agreed to as well, and closed at once: without an answer to their offer
      // browsers, and some libraries, break the connection off and never read the close code that says why.
      handleProtocols: (offered) =>
        options.protocols.find((protocol) => offered.has(protocol)) ?? offered.values().next().value ?? false,
    }
    this.#upgrader = new WebSocketServer(serverOptions)
    server.on('error', (error) => context.logger.warn('The listener has an error.', { error: error.message }))
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { origin, host } = request.headers
    const peer = peerOf(request)
    const refusal = this.#closed ? closing : this.#options.admit?.({ peer, origin, host })
    if (refusal !== undefined) refuse(socket, refusal.status, refusal.message)
    else this.#upgrader.handleUpgrade(request, socket, head, (accepted) => this.#accept(accepted, peer))
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const refusal = this.#closed === undefined ? undefined : closing
    answerHttp(request, response, this.#options, { peer: peerOf(request), refusal, context: this.#context })
  }

  #accept(socket: WebSocket, peer: string): void {
    if (!this.#options.protocols.includes(socket.protocol)) {
      socket.on('error', () => {})
      socket.close(closes.subprotocol, fitReason(subprotocolReason(this.#options.protocols)))
      return
    }
    const connection = new WebsocketConnection(socket, peer, this.#context)
    this.#connections.add(connection)
    socket.on('close', () => this.#connections.delete(connection))
    this.#options.onConnection(connection)
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve())
      // What is mid-request is not ours to wait for; open WebSockets are cut by `closeAnswerMs` at the latest.
      this.#server.closeAllConnections()
      for (const connection of this.#connections) connection.close(closes.goingAway, 'The listener is closing.')
    })
    return this.#closed
  }
}

const closing = { status: 503, message: 'The listener is closing; come back later.' }

function peerOf(request: IncomingMessage): string {
  const { remoteAddress = 'unknown', remotePort = 0 } = request.socket
  return formatHostAndPort({ host: remoteAddress, port: remotePort })
}

function refuse(socket: Duplex, status: number, message: string): void {
  socket.on('error', () => socket.destroy())
  socket.once('finish', () => socket.destroy())
  const body = Buffer.from(`${message}\n`)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${body.length}`,
  ]
  socket.end(Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]))
}
