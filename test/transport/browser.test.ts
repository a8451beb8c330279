/** The browser's transport, on a WebSocket that has a browser's face; a real browser runs it in test/browser/. */
import { afterEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { transportConformance } from '../../runtime/conformance/transport.ts'
import { closed, eventually, failure, stageLimits, watch } from '../../runtime/conformance/transport-stage.ts'
import type { BrowserSocketConstructor } from '../../transport/browser/socket.ts'
import { createBrowserTransport } from '../../transport/browser.ts'
import type { Connection, Listener, Transport, TransportLimits } from '../../transport/transport.ts'
import { createWebsocketTransport } from '../../transport/websocket.ts'
import { socketWorld } from './socket-world.ts'

const clock = {
  setTimer(callback: () => void, delayMs: number) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
const pageSocket = WebSocket as unknown as BrowserSocketConstructor

function transport(limits: TransportLimits): Transport {
  const { listen } = createWebsocketTransport({ limits })
  return { listen, connect: createBrowserTransport({ limits, clock, WebSocket: pageSocket }).connect }
}

describe('conformance', () => {
  const supports = { stopsReading: false, tellsRefusal: false }
  transportConformance({ test, expect }, { open: () => socketWorld('127.0.0.1', transport), supports })
})

describe('what only a browser does', () => {
  const listeners: Listener[] = []
  afterEach(async () => {
    for (const listener of listeners.splice(0)) await listener.close()
  })

  async function listening(onConnection: (connection: Connection) => void): Promise<string> {
    const protocols = ['troupe.v1.msgpack', 'troupe.v1.json']
    const listener = await transport(stageLimits).listen('127.0.0.1:0', { protocols, onConnection })
    listeners.push(listener)
    return listener.address
  }

  test('a page that has paused holds what comes up to its bound, and then closes with 4005', async () => {
    const limits = { ...stageLimits, sendBufferBytesMax: 1_024 * 1_024 }
    const url = await listening((connection) => {
      for (let i = 0; i < 40; i++) connection.send({ data: new Uint8Array(64 * 1_024) })
    })
    const end = watch(await transport(limits).connect(url, { protocols: ['troupe.v1.msgpack'] }))
    end.connection.pause()
    expect(await closed(end)).toMatchObject({ code: 4005 })
    expect(end.frames).toEqual([])
  })

  test.each(['troupe.v1.msgpack', 'troupe.v1.json'])(
    '%s: a frame that is too large ends with 1009 here',
    async (protocol) => {
      const told: number[] = []
      const url = await listening((connection) => {
        connection.onClose = (code) => told.push(code)
        connection.send({ text: 'x'.repeat(64 * 1_024) })
      })
      const limits = { ...stageLimits, frameBytesMax: 16 * 1_024 }
      const end = watch(await transport(limits).connect(url, { protocols: [protocol] }))
      expect(await closed(end)).toMatchObject({ code: 1009 })
      // No browser lets a page send 1009.
      expect(await eventually('the other end knows', () => told[0])).toBe(4000)
    },
  )

  test('one whose handlers come late misses nothing', async () => {
    const url = await listening((connection) => {
      connection.send('welcome')
      connection.close(4321, 'Nothing more.')
    })
    const connection = await transport(stageLimits).connect(url, { protocols: ['troupe.v1.json'] })
    await new Promise((resolve) => setTimeout(resolve, 100))
    const end = watch(connection)
    expect(await closed(end)).toEqual({ code: 4321, reason: 'Nothing more.' })
    expect(end.frames).toEqual(['welcome'])
  })

  test('a dial that the other end does not want says what a page can know', async () => {
    const refused = await failure(() =>
      transport(stageLimits).connect('ws://127.0.0.1:1', { protocols: ['troupe.v1.json'] }),
    )
    expect(refused.code).toBe('unreachable')
    expect(refused.message).toContain('origin must be allowed')
  })
})
