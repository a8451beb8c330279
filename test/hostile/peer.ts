/** A WebSocket by hand on a real socket: it says what no library would, and tells how the other end took it. */
import { connect, type Socket } from 'node:net'
import { frameLimits } from '../../actors/protocol/frame.ts'
import { createCodec } from '../../transport/codec.ts'
import type { Protocol } from './wire.ts'

export const opcodes = { more: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const

export interface FrameTraits {
  readonly opcode: number
  /** Default true. */
  readonly last?: boolean
  /** The three reserved bits, 0 to 7; 4 says that the frame is compressed. */
  readonly reserved?: number
  /** What it says its length is. Default: what it is. */
  readonly declared?: number
  /** Default true, as every client must. */
  readonly masked?: boolean
}

/** The bytes of one WebSocket frame. The mask is of zeros, which masks nothing. */
export function wsFrame(payload: Uint8Array, traits: FrameTraits): Buffer {
  const { opcode, last = true, reserved = 0, declared = payload.length, masked = true } = traits
  const mask = masked ? 0x80 : 0
  const head = [(last ? 0x80 : 0) | (reserved << 4) | opcode]
  if (declared < 126) head.push(mask | declared)
  else if (declared < 65_536) head.push(mask | 126, declared >> 8, declared & 255)
  else {
    const length = Buffer.alloc(8)
    length.writeBigUInt64BE(BigInt(declared))
    head.push(mask | 127, ...length)
  }
  if (masked) head.push(0, 0, 0, 0)
  return Buffer.concat([Buffer.from(head), payload])
}

/** A message of the subprotocol in one frame, of the kind that it travels in. */
export const messageFrame = (protocol: Protocol, payload: Uint8Array): Buffer =>
  wsFrame(payload, { opcode: protocol === 'troupe.v1.json' ? opcodes.text : opcodes.binary })

export interface Reply {
  readonly type: string
  readonly [field: string]: unknown
}

const codecs = new Map(
  (['troupe.v1.msgpack', 'troupe.v1.json'] as const).map((name) => [name, createCodec(name, frameLimits)]),
)
export const codecOf = (protocol: Protocol) => codecs.get(protocol) as ReturnType<typeof createCodec>

export class Peer {
  readonly protocol: Protocol
  readonly replies: Reply[] = []
  /** The status of what was answered to the dial; 0 = nothing yet. */
  status = 0
  /** Set by the frame that closes, or 1006 by an end without one. */
  closed: { readonly code: number; readonly reason: string } | undefined
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)
  #waiting: { readonly holds: () => boolean; readonly resolve: () => void }[] = []

  constructor(port: number, protocol: Protocol, first: readonly Uint8Array[], headers = '') {
    this.protocol = protocol
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.on('data', (data: Buffer) => this.#take(data))
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => this.#end(1006, 'the socket ended'))
    const dial = `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${protocol}\r\n${headers}\r\n`
    this.write(Buffer.from(dial), ...first)
  }

  write(...parts: readonly Uint8Array[]): void {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(parts))
  }

  /** Reads nothing more. */
  pause(): void {
    this.#socket.pause()
  }

  /** Without a goodbye, and so that no port is kept waiting. */
  cut(): void {
    this.#socket.resetAndDestroy()
  }

  /** Resolves when it holds, or the other end has ended the connection; rejects after a minute. */
  until(what: string, holds: () => boolean): Promise<void> {
    if (holds() || this.closed !== undefined) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), 60_000)
      const settle = () => {
        clearTimeout(timer)
        resolve()
      }
      this.#waiting.push({ holds, resolve: settle })
    })
  }

  #look(): void {
    const ready = this.#waiting.filter(({ holds }) => this.closed !== undefined || holds())
    if (ready.length === 0) return
    this.#waiting = this.#waiting.filter((one) => !ready.includes(one))
    for (const { resolve } of ready) resolve()
  }

  #end(code: number, reason: string): void {
    if (this.closed !== undefined) return
    this.closed = { code, reason }
    this.#look()
  }

  #take(data: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? data : Buffer.concat([this.#bytes, data])
    if (this.status === 0 && !this.#head()) return
    while (this.#frame());
    this.#look()
  }

  #head(): boolean {
    const end = this.#bytes.indexOf('\r\n\r\n')
    if (end < 0) return false
    this.status = Number(this.#bytes.toString('latin1', 9, 12))
    this.#bytes = this.#bytes.subarray(end + 4)
    return this.status === 101
  }

  /** Takes one frame that is whole, if there is one. */
  #frame(): boolean {
    const bytes = this.#bytes
    if (bytes.length < 2) return false
    const short = (bytes[1] as number) & 127
    const start = short === 127 ? 10 : short === 126 ? 4 : 2
    if (bytes.length < start) return false
    const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short
    if (bytes.length < start + length) return false
    const payload = bytes.subarray(start, start + length)
    this.#bytes = bytes.subarray(start + length)
    const opcode = (bytes[0] as number) & 15
    if (opcode === opcodes.close) {
      this.#end(length >= 2 ? payload.readUInt16BE(0) : 1005, payload.toString('utf8', 2))
      this.cut()
    } else if (opcode === opcodes.text || opcode === opcodes.binary) {
      const { m } = codecOf(this.protocol).decode(payload) as { m: Reply[] }
      this.replies.push(...m)
    }
    return true
  }
}
