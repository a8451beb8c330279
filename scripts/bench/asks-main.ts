/** A client that asks as fast as it is answered, with so many requests under way on its one connection. */
import { built } from './built.ts'
import { type Counts, Histogram } from './histogram.ts'
import { answer } from './verbs.ts'

const { transportLimits: limits } = await built<typeof import('../../runtime/hosts.ts')>('runtime/hosts.js')
const { connectClient } = await built<typeof import('../../runtime/client/client.ts')>('runtime/client/client.js')
const { createWebsocketTransport } =
  await built<typeof import('../../transport/websocket.ts')>('transport/websocket.js')
const { systemClock: clock, systemRandom: random } =
  await built<typeof import('../../runtime/system.ts')>('runtime/system.js')
const { silentLogger: logger } = await built<typeof import('../../runtime/logger.ts')>('runtime/logger.js')

type Client = Awaited<ReturnType<typeof connectClient>>

const asks: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  'QueryTasks of one id': (client) => client.query({ ids: ['t0'] }),
  'the cheapest': (client) => client.query({ filter: { ids: [] } }),
}

let client: Client

export interface Asks {
  readonly perSecond: number
  readonly spans: Counts
}

answer({
  async open({ address: url, token }: { address: string; token: string }) {
    client = await connectClient({
      transport: createWebsocketTransport({ limits, logger }),
      url,
      token,
      clock,
      random,
      logger,
    })
  },
  async run({ ask, inFlight, ms }: { ask: string; inFlight: number; ms: number }): Promise<Asks> {
    const one = asks[ask] as (client: Client) => Promise<unknown>
    const spans = new Histogram()
    const beganMs = performance.now()
    const untilMs = beganMs + ms
    const loop = async () => {
      for (let nowMs = performance.now(); nowMs < untilMs; ) {
        await one(client)
        const thenMs = performance.now()
        spans.add(thenMs - nowMs)
        nowMs = thenMs
      }
    }
    await Promise.all(Array.from({ length: inFlight }, loop))
    return { perSecond: (spans.count * 1_000) / (performance.now() - beganMs), spans: spans.counts() }
  },
})
