/** Plain HTTP at a listener's address: admitted as a connection is, answered by the listener's user, and bounded. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpAnswer, ListenOptions } from '../transport.ts'
import type { WebsocketContext } from './context.ts'

export const httpLimits = {
  /** How long the whole of a request may take to come, in milliseconds: what is served needs no more than a header. */
  requestMs: 10_000,
  /** How often connections are looked through for those that are over a limit, in milliseconds. */
  checkMs: 5_000,
  /** How long a connection may stand open between two requests, in milliseconds. */
  idleMs: 5_000,
  /** How long an answer may wait for its reader to take more of it, in milliseconds. */
  stalledMs: 30_000,
} as const

const text = (status: number, sentence: string, headers: Readonly<Record<string, string>> = {}): HttpAnswer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff', ...headers },
  body: Buffer.from(`${sentence}\n`),
})

/** Where nothing is served. */
const upgradeOnly = text(426, 'This address speaks WebSocket only; dial it with troupe or any WebSocket client.', {
  upgrade: 'websocket',
})

/** Answers a request that is no upgrade. `refusal`: the listener takes nobody at all. */
export function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  { admit, serve }: Pick<ListenOptions, 'admit' | 'serve'>,
  { peer, refusal, context }: HttpScene,
): void {
  const { method = 'GET', url = '/', headers } = request
  const isHead = method === 'HEAD'
  response.setTimeout(httpLimits.stalledMs)
  response.on('error', () => response.destroy())
  const { origin, host } = headers
  const refused = refusal ?? admit?.({ peer, origin, host })
  if (refused !== undefined) {
    send(response, isHead, text(refused.status, refused.message), true)
  } else if (serve === undefined) {
    send(response, isHead, upgradeOnly, true)
  } else {
    // What a body says is not read: with one, or a method that may have one, the connection ends with the answer.
    const isBare = headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
    const isLast = !isBare || (method !== 'GET' && !isHead)
    const [path = ''] = url.split('?')
    serve({ method, path, headers: oneEach(headers) }).then(
      (answer) => send(response, isHead, answer, isLast),
      (error: unknown) => {
        context.logger.warn('A request could not be answered.', { peer, path, error: String(error) })
        send(response, isHead, text(500, 'This could not be answered; the log says why.'), true)
      },
    )
  }
}

export interface HttpScene {
  readonly peer: string
  /** Set while the listener takes nobody. */
  readonly refusal: { readonly status: number; readonly message: string } | undefined
  readonly context: WebsocketContext
}

function oneEach(headers: IncomingMessage['headers']): Record<string, string> {
  const plain: Record<string, string> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(', ') : value
  }
  return plain
}

function send(response: ServerResponse, isHead: boolean, answer: HttpAnswer, isLast: boolean): void {
  const { status, headers, body } = answer
  const length = status === 304 ? {} : { 'content-length': body.length }
  const ending = isLast ? { connection: 'upgrade' in headers ? 'close, upgrade' : 'close' } : {}
  response.writeHead(status, { ...headers, ...length, ...ending }).end(isHead ? undefined : body)
}
