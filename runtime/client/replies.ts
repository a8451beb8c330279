/** The client's door: a frame from the manager becomes messages, each checked against the schema of its type. */
import type { Validator } from 'typebox/compile'
import { Compile } from 'typebox/compile'
import { type ClientReply, clientReplies } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { Frame } from '../../actors/protocol/frame.ts'

// Compiling a schema takes milliseconds, and a command uses only a few of them: each is compiled at its first use.
const compiled = new Map<string, Validator>()

export function validatorOf(name: string, schema: ConstructorParameters<typeof Validator>[1]): Validator {
  let validator = compiled.get(name)
  if (!validator) {
    validator = Compile(schema) as Validator
    compiled.set(name, validator)
  }
  return validator
}

// Not as a type guard: the validators are kept without their types.
export const matches = (validator: Validator, value: unknown): boolean => validator.Check(value)

export function firstFault(validator: Validator, value: unknown): string {
  const fault = validator.Errors(value)[0]
  return fault ? `${fault.instancePath || 'the whole'} ${fault.message}` : 'it does not match'
}

/**
 * The messages of a frame, in order. A type that this version does not know is left out, so that a newer manager may
 * say more. Throws TroupeError `Protocol` for anything that breaks its schema.
 */
export function readFrame(frame: unknown): ClientReply[] {
  const validator = validatorOf('Frame', Frame)
  if (!matches(validator, frame)) {
    throw new TroupeError(
      'Protocol',
      `The manager sent a frame that breaks the protocol: ${firstFault(validator, frame)}.`,
    )
  }
  const replies: ClientReply[] = []
  for (const message of (frame as Frame).m) {
    if (!Object.hasOwn(clientReplies, message.type)) continue
    const schema = clientReplies[message.type as keyof typeof clientReplies]
    const check = validatorOf(message.type, schema)
    if (!matches(check, message)) {
      const fault = firstFault(check, message)
      throw new TroupeError('Protocol', `The manager sent a ${message.type} that breaks the protocol: ${fault}.`)
    }
    replies.push(message as ClientReply)
  }
  return replies
}
