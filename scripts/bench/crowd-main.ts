/** Many subscribers, each on a WebSocket of its own, that note when they heard of each revision. */
import type { TaskFilter } from '../../actors/protocol/client.ts'
import type { Connection } from '../../transport/transport.ts'
import { built } from './built.ts'
import { Histogram } from './histogram.ts'
import { answer, sharedNowMs } from './verbs.ts'

const { transportLimits: limits } = await built<typeof import('../../runtime/hosts.ts')>('runtime/hosts.js')
const { silentLogger: logger } = await built<typeof import('../../runtime/logger.ts')>('runtime/logger.js')
const { createWebsocketTransport } =
  await built<typeof import('../../transport/websocket.ts')>('transport/websocket.js')

export interface Following {
  readonly filter: TaskFilter
  /** Subscriptions of the connection, all alike. Default 1. */
  readonly times?: number
  readonly topic?: 'tasks' | 'events'
}

interface Told {
  readonly type: string
  readonly revision: number
  readonly task?: { readonly finishedAtMs: number | null }
}

const transport = createWebsocketTransport({ limits, logger })
const protocols = ['troupe.v1.msgpack']
const connections: Connection[] = []
const dialsAtOnce = 50

/** Of everything heard: which revision, and when. */
const revisions: number[] = []
const timesMs: number[] = []
let ends = 0

function hear(message: Told, nowMs: number): void {
  if (message.type !== 'Delta') return
  revisions.push(message.revision)
  timesMs.push(nowMs)
  if (message.task?.finishedAtMs) ends += 1
}

/** Resolves when all of its subscriptions have begun. */
async function follow(url: string, token: string, { filter, times = 1, topic = 'tasks' }: Following) {
  const connection = await transport.connect(url, { protocols, timeoutMs: 30_000 })
  let waiting = times
  await new Promise<void>((resolve, reject) => {
    connection.onClose = (code, reason) => reject(new Error(`closed with ${code}: ${reason}`))
    connection.onFrame = (frame) => {
      const nowMs = sharedNowMs()
      for (const message of (frame as { m: Told[] }).m) {
        if (message.type === 'Error') reject(new Error(JSON.stringify(message)))
        else if (message.type === 'Snapshot') waiting -= 1
        else hear(message, nowMs)
      }
      if (waiting === 0) resolve()
    }
    const subscribe = (req: number) => ({ type: 'Subscribe', req, topic, filter, from: 'now' })
    const requests = Array.from({ length: times }, (_, req) => subscribe(req))
    connection.send({ m: [{ type: 'ClientHello', version: 'bench', token }, ...requests] })
  })
  return connection
}

let stalled: Connection | undefined

answer({
  async open({ address, token, all }: { address: string; token: string; all: Following[] }) {
    const left = [...all]
    const dial = async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) {
        connections.push(await follow(address, token, next))
      }
    }
    await Promise.all(Array.from({ length: dialsAtOnce }, dial))
  },
  /** One more, that reads nothing from here on. */
  async stall({ address, token, following }: { address: string; token: string; following: Following }) {
    stalled = await follow(address, token, following)
    stalled.pause()
  },
  leave() {
    stalled?.close(1000, 'done')
    stalled?.resume()
  },
  heard: () => ({ deltas: revisions.length, ends }),
  /** How long after each commit it was heard of. What nothing is known of is left out. */
  spans(commits: readonly (readonly [revision: number, atMs: number])[]) {
    const atMs = new Map(commits)
    const spans = new Histogram()
    for (const [at, revision] of revisions.entries()) {
      const committedMs = atMs.get(revision)
      if (committedMs !== undefined) spans.add((timesMs[at] as number) - committedMs)
    }
    return spans.counts()
  },
})
