/**
 * One end's view of a connection: frames out, one per turn, control before bulk; frames in, validated message by message
 * at the door. It knows schemas, not meanings.
 */
import type { TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { Frame, frameLimits, type Subprotocol } from '../../actors/protocol/frame.ts'
import { type Batcher, createBatcher, type Lane } from '../../transport/batcher.ts'
import type { Connection } from '../../transport/transport.ts'

const validFrame = Compile(Frame)
const textProtocol: Subprotocol = 'troupe.v1.json'

export interface Message {
  readonly type: string
}

/** Validators by message type. */
export type Door = ReadonlyMap<string, Validator>

export function createDoor(schemas: Readonly<Record<string, TSchema>>): Door {
  return new Map(Object.entries(schemas).map(([type, schema]) => [type, Compile(schema) as unknown as Validator]))
}

/** Why a message does not pass, as one sentence; undefined if it does. */
function faultOf(door: Door, message: Message): string | undefined {
  const { type } = message
  const validator = door.get(type)
  if (validator === undefined) return `"${type}" is no message that is taken here`
  if (validator.Check(message)) return undefined
  const first = validator.Errors(message)[0]
  return `${type}${first?.instancePath ?? ''} ${first?.message ?? 'is not valid'}`
}

export interface ChannelOptions {
  readonly connection: Connection
  /** Written into every frame; absent on frames to clients. */
  readonly epoch: () => number | undefined
  readonly onRefused: (message: Message, error: Error) => void
}

export class Channel<Out extends Message> {
  readonly connection: Connection
  /** The connection takes more again: what was held back because of it may go on. */
  onDrain: () => void = () => {}
  readonly #batcher: Batcher<Out>
  #held = false
  #closed = false

  constructor({ connection, epoch, onRefused }: ChannelOptions) {
    this.connection = connection
    this.#batcher = createBatcher<Out>({
      send: (messages) => {
        const e = epoch()
        const keepsUp = connection.send(e === undefined ? { m: messages } : { e, m: messages })
        if (!keepsUp) this.#held = true
        return keepsUp
      },
      schedule: queueMicrotask,
      messagesMax: frameLimits.frameMessagesMax,
      bytesHint: (message) => bulkBytes(message, connection.protocol === textProtocol),
      bulkBytesMax: frameLimits.logFrameBytesMax - 1_024,
      onRefused,
    })
    connection.onDrain = () => {
      this.#held = false
      this.#batcher.drained()
      this.onDrain()
    }
  }

  /** Whether the other end does not keep up with what is sent, until `onDrain`. */
  get held(): boolean {
    return this.#held
  }

  get closed(): boolean {
    return this.#closed
  }

  /** False = bulk is held back. */
  send(message: Out, lane: Lane = 'control'): boolean {
    return this.#batcher.push(message, lane)
  }

  /** Sends what is ready, then closes. */
  close(code: number, reason: string): void {
    if (this.#closed) return
    this.#closed = true
    this.#batcher.flush()
    this.#batcher.close()
    this.connection.close(code, reason)
  }

  /** The other end closed it. */
  ended(): void {
    this.#closed = true
    this.#batcher.close()
  }

  /**
   * The messages of a frame, or undefined after the connection was closed because of it. With `lenient`, types that are
   * not known are left out: the other end may be newer.
   */
  read(frame: unknown, door: Door, lenient: boolean): readonly Message[] | undefined {
    if (!validFrame.Check(frame)) {
      this.close(closeCodes.protocol, 'a frame is a map {m: [message, …]}, each message a map with a type')
      return undefined
    }
    const messages = lenient ? frame.m.filter((message) => door.has(message.type)) : frame.m
    for (const message of messages) {
      const fault = faultOf(door, message)
      if (fault === undefined) continue
      this.close(closeCodes.protocol, fault.slice(0, 120))
      return undefined
    }
    return messages
  }
}

/** Bytes of output in a bulk message, roughly; base64 makes four of three. */
function bulkBytes(message: Message, isText: boolean): number {
  const { chunks } = message as { chunks?: readonly { data: Uint8Array }[] }
  const growth = isText ? 4 / 3 : 1
  return (chunks ?? []).reduce((bytes, chunk) => bytes + chunk.data.length * growth + 48, 64)
}
