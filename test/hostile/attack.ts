/** Sends hostile frames to a manager, each on a connection that has said its Hello, and holds it to what it promises. */
import { closeCodes, errorCodes } from '../../actors/protocol/errors.ts'
import type { Case } from './cases.ts'
import { messageFrame, Peer, type Reply } from './peer.ts'
import { type Protocol, payloadOf } from './wire.ts'
import { token, type World } from './world.ts'

const abreastDefault = 8
/** Frames that are taken, on one connection. */
const framesAtOnce = 64
/** Faults that are told of; the first are mostly enough. */
const faultsMax = 10

/** What a manager may close with, by PROTOCOL.md. */
export const documentedCodes: ReadonlySet<number> = new Set(Object.values(closeCodes))

export interface Role {
  /** Said first, of the kind of peer that it is; undefined = nothing is. */
  readonly hello: object | undefined
  /** Is answered by a message of this type. */
  readonly question: object
  readonly answer: string
}

export const client: Role = {
  hello: { type: 'ClientHello', version: 'hostile', token },
  question: { type: 'QueryNodes', req: 2 ** 40 },
  answer: 'Nodes',
}

/** Each has a node of its own, of few, so that nobody has to wait for another. */
export const worker = (number: number): Role => ({
  hello: {
    ...{ type: 'WorkerHello', version: 'hostile', token, incarnation: 'hostile', highestEpoch: 0, attempts: [] },
    node: {
      ...{ nodeId: `h${number}`, name: `h${number}`, labels: {}, drivers: { process: 'complete' } },
      resources: { cpus: 1, memoryBytes: 2 ** 30 },
    },
  },
  question: { type: 'Heartbeat', seq: 2 ** 40 },
  answer: 'HeartbeatAck',
})

const framed = (protocol: Protocol, message: object): Uint8Array =>
  messageFrame(protocol, payloadOf(protocol, { m: [message] }) as Uint8Array)

/** A frame on the wire, and what is to come of it. */
export interface Shot {
  readonly name: string
  /** All that is written, frame heads and all. */
  readonly bytes: Uint8Array
  /** The code that it costs the connection, or undefined if it goes on. */
  readonly code: number | undefined | readonly (number | undefined)[]
  /** The request that is to be answered. */
  readonly req?: number
}

export const shotOf = (protocol: Protocol, { name, payload, fate, req }: Case): Shot => ({
  name: `${protocol}: ${name}`,
  bytes: messageFrame(protocol, payload),
  code: fate === 'taken' ? undefined : closeCodes.protocol,
  ...(fate === 'taken' && req !== undefined ? { req } : {}),
})

export interface Attack {
  readonly world: World
  readonly protocol: Protocol
  readonly role: (number: number) => Role
  /** How many connections may be under way at once. Default 8. */
  readonly abreast?: number
}

/** Fires all of them, and answers how many. Throws with the names of the first that were not taken as promised. */
export async function fire(attack: Attack, shots: Iterable<Shot>): Promise<number> {
  const { abreast = abreastDefault } = attack
  let count = 0
  let next = 0
  const faults: string[] = []
  const running = new Set<Promise<void>>()
  const run = async (batch: readonly Shot[]): Promise<void> => {
    if (running.size >= abreast) await Promise.race(running)
    const one = volley(attack, batch, next++ % (abreast * 2))
      .catch((error: Error) => void faults.push(error.message))
      .finally(() => running.delete(one))
    running.add(one)
  }
  const batch: Shot[] = []
  for (const shot of shots) {
    count += 1
    if (shot.code !== undefined) await run([shot])
    else if (batch.push(shot) >= framesAtOnce) await run(batch.splice(0))
    if (faults.length >= faultsMax) break
  }
  if (batch.length > 0) await run(batch)
  await Promise.all(running)
  if (faults.length > 0) throw new Error(faults.join('\n\n'))
  return count
}

/** One connection: a Hello, the shots, and a question after them. */
async function volley({ world, protocol, role }: Attack, shots: readonly Shot[], number: number): Promise<void> {
  const { hello, question, answer } = role(number)
  const bytes = shots.map((shot) => shot.bytes)
  const first = hello === undefined ? [] : [framed(protocol, hello)]
  const peer = new Peer(world.port, protocol, [...first, ...bytes, framed(protocol, question)])
  const isAnswer = ({ type, req, seq }: Reply) => type === answer && (req === 2 ** 40 || seq === 2 ** 40)
  const names = shots.map(({ name }) => name).join('\n')
  const waiting = new Set(shots.map(({ req }) => req).filter((req) => req !== undefined))
  let seen = 0
  let isAnswered = false
  await peer.until(`an answer to ${names}`, () => {
    for (; seen < peer.replies.length; seen += 1) {
      const reply = peer.replies[seen] as Reply
      isAnswered ||= isAnswer(reply)
      waiting.delete(reply.req as number)
    }
    return isAnswered && waiting.size === 0
  })
  const wanted = shots[0]?.code
  const codes = [wanted].flat()
  if (!codes.includes(peer.closed?.code)) {
    const got = peer.closed === undefined ? 'goes on' : `closed with ${peer.closed.code} ${peer.closed.reason}`
    throw new Error(`wanted ${wanted ?? 'no close'}, and it ${got}, after ${names}`)
  }
  peer.cut()
  for (const reply of peer.replies) checkReply(reply, shots)
}

function checkReply(reply: Reply, shots: readonly Shot[]): void {
  if (reply.type !== 'Error') return
  const { code, req } = reply
  if (typeof code === 'string' && Object.hasOwn(errorCodes, code) && code !== 'Internal' && code !== 'StorageFailed')
    return
  const asked = shots.find((shot) => shot.req !== undefined && shot.req === req)
  throw new Error(`answered with ${JSON.stringify(reply)}: ${asked?.name ?? shots.map(({ name }) => name).join('\n')}`)
}
