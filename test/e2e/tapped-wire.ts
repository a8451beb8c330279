/** A real connection with an ear on it: what dials here is passed on to the manager, and every frame is kept. */
import { frameLimits } from '../../actors/protocol/frame.ts'
import type { Connection, Listener } from '../../transport/transport.ts'
import { createWebsocketTransport } from '../../transport/websocket.ts'

export interface Tapped {
  /** Whether the end that dialled said it. */
  readonly up: boolean
  /** Whether the first message of the connection was a worker's. */
  readonly worker: boolean
  readonly frame: { readonly m: readonly { readonly type: string }[] }
}

const { frameBytesMax, frameDepthMax, sendBufferBytesMax } = frameLimits
const limits = { frameBytesMax, frameDepthMax, sendBufferBytesMax, sendBufferBytesHigh: sendBufferBytesMax }
const transport = createWebsocketTransport({ limits })

export class TappedWire {
  readonly heard: Tapped[] = []
  readonly #manager: string
  #listener: Listener | undefined

  constructor(manager: string) {
    this.#manager = manager
  }

  /** Resolves with the address to dial. */
  async open(): Promise<string> {
    this.#listener = await transport.listen('127.0.0.1:0', {
      protocols: ['troupe.v1.msgpack', 'troupe.v1.json'],
      onConnection: (near) => {
        near.pause()
        const { protocol } = near
        void transport.connect(this.#manager, { protocols: [protocol] }).then(
          (far) => this.#join(near, far),
          () => near.close(1001, 'the manager is away'),
        )
      },
    })
    return this.#listener.address
  }

  async close(): Promise<void> {
    await this.#listener?.close()
  }

  #join(near: Connection, far: Connection): void {
    let worker: boolean | undefined
    const pass = (from: Connection, to: Connection, up: boolean) => {
      from.onFrame = (frame) => {
        const tapped = frame as Tapped['frame']
        worker ??= tapped.m[0]?.type === 'WorkerHello'
        this.heard.push({ up, worker, frame: tapped })
        to.send(frame)
      }
      from.onClose = (code, reason) => to.close(code < 1_007 ? 1_000 : code, reason)
    }
    pass(near, far, true)
    pass(far, near, false)
    near.resume()
  }
}
