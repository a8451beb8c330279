/** The first words of a connection: dial, say hello, be welcomed or refused. */
import type { ClientReplies, ClientReply } from '../../actors/protocol/client.ts'
import { closeCodes, TroupeError } from '../../actors/protocol/errors.ts'
import { subprotocols } from '../../actors/protocol/frame.ts'
import { type Connection, TransportError } from '../../transport/transport.ts'
import { version } from '../version.ts'

export { version }

import { onAbort } from './abort.ts'
import type { ClientOptions } from './client.ts'
import { errorOf, requestLimits } from './pending.ts'
import { readFrame } from './replies.ts'

type Welcome = ClientReplies['ClientWelcome']

/**
 * `adopt` is called in the turn of the welcome, so that whoever takes the connection over misses nothing of it.
 * Rejects with TroupeError `Unavailable`, `Unauthorized` or `Protocol`, each with the address in its sentence.
 */
export async function openConnection<T>(
  options: ClientOptions,
  adopt: (connection: Connection, welcome: Welcome) => T,
): Promise<T> {
  const timeoutMs = options.requestMs ?? requestLimits.requestMs
  const connection = await dial(options, timeoutMs)
  try {
    return await greet(connection, options, timeoutMs, adopt)
  } catch (error) {
    connection.close(closeCodes.normal, 'no welcome')
    throw error
  }
}

async function dial({ transport, url, signal }: ClientOptions, timeoutMs: number): Promise<Connection> {
  try {
    const more = signal === undefined ? {} : { signal }
    return await transport.connect(url, { protocols: subprotocols, timeoutMs, ...more })
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    const code = error.code === 'subprotocol' ? 'Protocol' : error.code === 'bad-url' ? 'Invalid' : 'Unavailable'
    throw new TroupeError(code, error.message, { cause: error })
  }
}

function greet<T>(
  connection: Connection,
  options: ClientOptions,
  timeoutMs: number,
  adopt: (connection: Connection, welcome: Welcome) => T,
): Promise<T> {
  const { url, token, clock, signal } = options
  return new Promise((resolve, reject) => {
    const cancelTimer = clock.setTimer(() => {
      const text = `Whatever listens at ${url} did not answer within ${timeoutMs / 1_000} s; is it a Troupe manager?`
      reject(new TroupeError('Unavailable', text))
    }, timeoutMs)
    const forget = onAbort(signal, () => {
      cancelTimer()
      reject(signal?.reason)
    })
    connection.onFrame = (frame) => {
      cancelTimer()
      forget()
      try {
        resolve(adopt(connection, firstWord(readFrame(frame))))
      } catch (error) {
        reject(error)
      }
    }
    connection.onClose = (code, reason) => {
      cancelTimer()
      forget()
      reject(refusal(code, reason, url))
    }
    connection.send({ m: [{ type: 'ClientHello', version, token }] })
  })
}

function firstWord(replies: readonly ClientReply[]): Welcome {
  for (const reply of replies) {
    if (reply.type === 'ClientWelcome') return reply
    if (reply.type === 'Error') throw errorOf(reply)
  }
  throw new TroupeError('Protocol', 'The manager did not welcome this client; do both run the same version of Troupe?')
}

function refusal(code: number, reason: string, url: string): TroupeError {
  const why = reason ? `: ${reason}` : ''
  if (code === closeCodes.unauthorized)
    return new TroupeError('Unauthorized', `The manager at ${url} refuses the token${why}.`)
  if (code === closeCodes.subprotocol) {
    return new TroupeError('Protocol', `The manager at ${url} speaks another version of the protocol${why}.`)
  }
  return new TroupeError('Unavailable', `The manager at ${url} closed the connection (code ${code}${why}).`)
}
