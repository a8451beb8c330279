/** A manager's store whose files are damaged on purpose, and what its manager then serves. */
import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect } from 'vitest'
import type { TaskEvent, TaskView } from '../../actors/model.ts'
import type { Client } from '../../runtime/client/client.ts'
import { openClient as connect } from '../../runtime/connect.ts'
import type { Program } from './cluster.ts'
import type { FaultWorld } from './fault-world.ts'
import { pause } from './kills.ts'

/** What a manager says of a store that it refuses, or of a part of it that it cannot read. */
const saysSo = /is damaged|cannot be read|newer version|format/
const startMs = 10_000

export const damages = {
  cut: async (file: string) => truncate(file, Math.floor((await stat(file)).size / 2)),
  'bit-flipped': (file: string) => flipBit(file, 0.5),
}

/** Turns one bit over; `where` is its place in the file, in [0, 1). */
export async function flipBit(file: string, where: number): Promise<void> {
  const bytes = await readFile(file)
  const at = Math.floor(bytes.length * where)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  await writeFile(file, bytes)
}

async function historyOf(client: Client, taskId: string): Promise<readonly TaskEvent[]> {
  return new Promise((resolve, reject) => {
    const handlers = { onSnapshot: ({ events }: { events?: TaskEvent[] }) => resolve(events ?? []), onEnd: reject }
    client.subscribe({ topic: 'events', taskId, from: 'snapshot' }, handlers)
  })
}

type Served = Record<string, { view: TaskView | undefined; history: readonly TaskEvent[] | undefined }>

/** All that it tells of the tasks; what it refuses to tell is `undefined`. */
export async function served(world: FaultWorld, ids: readonly string[]): Promise<Served> {
  const client = await connect({ url: world.cluster.address, token: await world.cluster.token(), requestMs: 5_000 })
  try {
    const told: Served = {}
    for (const id of ids) {
      const page = await client.query({ ids: [id] }).catch(() => undefined)
      told[id] = { view: page?.items[0], history: await historyOf(client, id).catch(() => undefined) }
    }
    return told
  } finally {
    await client.close()
  }
}

/** Resolves when it listens or has ended. */
async function settled(manager: Program): Promise<'listens' | 'ended'> {
  const deadlineMs = performance.now() + startMs
  while (manager.child.exitCode === null && !manager.stdout.includes('token:')) {
    if (performance.now() > deadlineMs) throw new Error(`the manager neither listens nor ends: ${manager.stderr}`)
    await pause(20)
  }
  return manager.child.exitCode === null ? 'listens' : 'ended'
}

/** A store, and a copy of it as it was. */
export class StoreCopy {
  readonly dir: string
  readonly #kept: string

  constructor(dir: string) {
    this.dir = dir
    this.#kept = `${dir}-kept`
  }

  /** The files that are not empty; RocksDB's notes for people and its spare options are left out. */
  async files(): Promise<string[]> {
    await cp(this.dir, this.#kept, { recursive: true })
    const entries = await readdir(this.dir, { recursive: true, withFileTypes: true })
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name))
    const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size))
    const paths = files.filter((_, at) => (sizes[at] ?? 0) > 1).map((file) => relative(this.dir, file))
    return paths.filter((path) => !/LOG|OPTIONS|IDENTITY/.test(path))
  }

  async restore(): Promise<void> {
    await rm(this.dir, { recursive: true })
    await cp(this.#kept, this.dir, { recursive: true })
  }
}

interface Damaged {
  readonly what: string
  readonly store: string
  readonly whole: Served
}

/** Starts a manager on it: it ends with a sentence that names the store, or what it serves is right. */
export async function expectNothingWrong(
  world: FaultWorld,
  { what, store, whole }: Damaged,
): Promise<'listens' | 'ended'> {
  const manager = world.startManager()
  const how = await settled(manager)
  const told = how === 'listens' ? await served(world, Object.keys(whole)) : {}
  const { code, stderr } = await manager.kill('SIGKILL')
  if (how === 'ended') {
    expect(code, what).toBe(1)
    expect(stderr, what).toMatch(saysSo)
    expect(stderr, what).toContain(store)
    return how
  }
  for (const [id, { view, history }] of Object.entries(told)) {
    if (view !== undefined) expect(view, `${what}: ${id}`).toEqual(whole[id]?.view)
    if (history !== undefined) expect(history, `${what}: ${id}`).toEqual(whole[id]?.history)
    if (view === undefined || history === undefined) expect(stderr, `${what}: ${id}`).toMatch(saysSo)
  }
  return how
}

/** Some tasks that have ended, in tables and in the log: each start of the manager moves its log to a table. */
export async function makeStore(world: FaultWorld): Promise<string[]> {
  await world.startAll()
  const ids: string[] = []
  for (const round of ['a', 'b']) {
    for (let at = 0; at < 3; at += 1) ids.push(await world.submit(`${round}${at}`, { seconds: 0.1, code: at }))
    await world.ear.finals(20_000)
    await world.restartManager()
    await world.ready(1)
  }
  ids.push(await world.submit('c', { seconds: 0.1, code: 9 }))
  await world.expectAllUnharmed()
  await world.worker('one').kill('SIGKILL')
  return ids
}
