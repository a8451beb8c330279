/**
 * A transport of one's own: WebSockets, whose messages are counted by their types, to see what a client and a manager say
 * to each other: `npx tsx examples/own-transport.ts`. The transport itself is `tapped-transport.ts`.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createWebsocketTransport, openTroupe } from 'troupe'
import { type Direction, tapTransport } from './tapped-transport.ts'

const counts = new Map<string, number>()

/** A frame is a list of messages, `{ m: [{ type, … }] }`: docs/PROTOCOL.md. */
function count(direction: Direction, frame: unknown): void {
  for (const { type } of (frame as { readonly m: readonly { readonly type: string }[] }).m) {
    const name = `${direction === 'in' ? '→' : '←'} ${type}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
}

const mib = 1_024 * 1_024
const limits = {
  frameBytesMax: 4 * mib,
  frameDepthMax: 32,
  sendBufferBytesHigh: mib,
  sendBufferBytesMax: 16 * mib,
}
const dataDir = mkdtempSync(join(tmpdir(), 'troupe-tapped-'))
const troupe = await openTroupe({
  dataDir,
  storage: 'memory',
  drivers: ['process'],
  listen: '127.0.0.1:0',
  transport: tapTransport(createWebsocketTransport({ limits }), count),
})

// Only those who come over the network use it: the worker, and `troupe` itself, are in the manager's own process.
const client = await connect(troupe.address as string, { token: troupe.token })
const task = await client.run({ driver: 'process', command: ['echo', 'hi'] })
for await (const line of task.logs({ follow: true })) console.log(line.text)
console.log((await task.result()).outcome)
await client.close()
await troupe.close()
for (const [name, times] of [...counts].sort()) console.log(`${times} ${name}`)
rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
