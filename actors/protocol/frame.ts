/**
 * What travels in one WebSocket frame: all messages that were ready in the same turn, with the manager's epoch where
 * one is known. `{e?: epoch, m: [message, …]}`, as plain MessagePack or JSON.
 */
import { type Static, Type } from 'typebox'
import { whole } from '../limits.ts'

/** Subprotocols, best first. Both carry the same messages. */
export const subprotocols = ['troupe.v1.msgpack', 'troupe.v1.json'] as const
export type Subprotocol = (typeof subprotocols)[number]

export const frameLimits = {
  /** The largest frame, in bytes. */
  frameBytesMax: 4 * 1_024 * 1_024,
  /** The deepest nesting of arrays and maps in a frame. */
  frameDepthMax: 32,
  /** Messages in one frame. */
  frameMessagesMax: 4_096,
  /** The largest frame that carries output of tasks, in bytes. */
  logFrameBytesMax: 32 * 1_024,
  /** Bytes that may wait in one connection's send buffer before it is closed as too slow. */
  sendBufferBytesMax: 16 * 1_024 * 1_024,
} as const

/** A frame before its messages are validated one by one against the schema of their type. */
export const Frame = Type.Object({
  /** The manager's epoch; absent on a worker's and a client's first frame, and on clients' frames. */
  e: Type.Optional(whole(0)),
  m: Type.Array(Type.Object({ type: Type.String({ maxLength: 64 }) }), {
    minItems: 1,
    maxItems: frameLimits.frameMessagesMax,
  }),
})
export type Frame = Static<typeof Frame>
