/** The client's door: a frame from the manager becomes messages, each checked against the schema of its type. */
import type { TSchema } from 'typebox'
import { Check, Errors } from 'typebox/value'
import { type ClientReply, clientReplies } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { Frame } from '../../actors/protocol/frame.ts'
import { type QuickCheck, quickCheck } from './quick-check.ts'

// Each is made at its first use: a command uses only a few of them.
const made = new Map<TSchema, QuickCheck>()

export function matches(schema: TSchema, value: unknown): boolean {
  let check = made.get(schema)
  if (check === undefined) {
    check = quickCheck(schema)
    made.set(schema, check)
  }
  return check(value) || Check(schema, value)
}

export function firstFault(schema: TSchema, value: unknown): string {
  const fault = Errors(schema, value)[0]
  return fault ? `${fault.instancePath || 'the whole'} ${fault.message}` : 'it does not match'
}

/**
 * The messages of a frame, in order. A type that this version does not know is left out, so that a newer manager may
 * say more. Throws TroupeError `Protocol` for anything that breaks its schema.
 */
export function readFrame(frame: unknown): ClientReply[] {
  if (!matches(Frame, frame)) {
    throw new TroupeError('Protocol', `The manager sent a frame that breaks the protocol: ${firstFault(Frame, frame)}.`)
  }
  const replies: ClientReply[] = []
  for (const message of (frame as Frame).m) {
    if (!Object.hasOwn(clientReplies, message.type)) continue
    const schema = clientReplies[message.type as keyof typeof clientReplies]
    if (!matches(schema, message)) {
      const fault = firstFault(schema, message)
      throw new TroupeError('Protocol', `The manager sent a ${message.type} that breaks the protocol: ${fault}.`)
    }
    replies.push(message as ClientReply)
  }
  return replies
}
