/** What the manager's door would refuse, found before it is sent: a connection that breaks the protocol is closed. */
import { type ClientMessage, clientMessages } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { firstFault, matches } from './replies.ts'

/** What is wrong with a request, of an application without our types perhaps; undefined if it can be sent. */
export function faultOfRequest(message: ClientMessage): TroupeError | undefined {
  const schema = clientMessages[message.type]
  if (matches(schema, message)) return undefined
  return new TroupeError('Invalid', `The ${message.type} cannot be sent: ${firstFault(schema, message)}.`)
}
