/** Stately's own inspector can be shown a Troupe: its real package receives what we send. */
import {
  createBrowserReceiver,
  createInspector,
  createWebSocketReceiver,
  type StatelyInspectionEvent,
} from '@statelyai/inspect'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { createActor, createMachine, setup } from 'xstate'
import { sessionMachine } from '../../actors/session.ts'
import { inspectWith } from '../../runtime/index.ts'
import { running, World } from './troupe-world.ts'

let world: World
beforeEach(async () => {
  world = new World()
  await world.open()
  await world.connect()
})
afterEach(() => world.close())

type Kind = StatelyInspectionEvent['type']
const of = <K extends Kind>(received: StatelyInspectionEvent[], kind: K, sessionId: string) =>
  received.filter((message) => message.type === kind && message.sessionId === sessionId) as Extract<
    StatelyInspectionEvent,
    { type: K }
  >[]

test('its WebSocket receiver hears of our actors, their events and their snapshots', async () => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await new Promise((resolve) => server.once('listening', resolve))
  const dialled = new Promise((resolve) => server.once('connection', resolve))
  const { port } = server.address() as { port: number }
  const received: StatelyInspectionEvent[] = []
  createWebSocketReceiver({ server: `ws://127.0.0.1:${port}` }).subscribe((event) => void received.push(event))
  await dialled
  const task = await running(world.far)
  const left = new AbortController()
  const send = (message: string) => {
    for (const client of server.clients) client.send(message)
  }
  const shown = inspectWith(world.far, { send }, { filter: { ids: [task.id] }, signal: left.signal })
  const [taskId, attemptId] = [`task:${task.id}`, `attempt:${task.id}/1`]
  await vi.waitFor(() => expect(of(received, '@xstate.actor', attemptId)).toHaveLength(1), { timeout: 20_000 })
  world.driver.exit(task.id, 3)
  const last = () => of(received, '@xstate.snapshot', attemptId).at(-1)?.snapshot
  await vi.waitFor(() => expect(last()).toMatchObject({ status: 'stopped' }), { timeout: 20_000 })
  expect(of(received, '@xstate.actor', taskId)).toMatchObject([
    {
      name: taskId,
      rootId: taskId,
      snapshot: { status: 'active', value: { Running: 'Up' }, context: { taskId: task.id } },
    },
  ])
  expect(of(received, '@xstate.actor', attemptId)).toMatchObject([{ parentId: taskId, rootId: taskId }])
  expect(of(received, '@xstate.event', taskId)).toMatchObject([{ event: { type: 'Exited', exitCode: 3 } }])
  expect(of(received, '@xstate.snapshot', taskId)).toMatchObject([
    { event: { type: 'Exited' }, snapshot: { status: 'done', value: 'Failed' } },
  ])
  left.abort()
  await shown
  for (const client of server.clients) client.terminate()
  await new Promise((resolve) => server.close(resolve))
})

test('its receiver in a browser takes each message for one of its own, and each definition is a machine’s', async () => {
  let listener: (event: { data: unknown }) => void = () => {}
  const addEventListener = (_: string, on: typeof listener) => {
    listener = on
  }
  const page = { addEventListener, opener: null }
  const window = Object.assign(page, { self: page, top: page }) as never
  const received: StatelyInspectionEvent[] = []
  createBrowserReceiver({ window }).subscribe((event) => void received.push(event))
  const left = new AbortController()
  let sent = 0
  const send = (message: string) => {
    sent += 1
    listener({ data: JSON.parse(message) })
  }
  const shown = inspectWith(world.far, { send }, { signal: left.signal })
  await vi.waitFor(() => expect(received.length).toBeGreaterThanOrEqual(4), { timeout: 20_000 })
  await world.far.drain('node-1')
  const drained = () => received.find((one) => one.type === '@xstate.snapshot' && one.event.type === 'Drain')
  await vi.waitFor(() => expect(drained()).toBeDefined(), { timeout: 20_000 })
  expect(sent).toBe(received.length)
  const [manager, ...others] = received.slice(0, 4) as Extract<StatelyInspectionEvent, { type: '@xstate.actor' }>[]
  expect(manager).toMatchObject({ name: 'manager', snapshot: { value: 'Serving' } })
  expect(others.every(({ rootId }) => rootId === 'manager')).toBe(true)
  for (const { definition, name, snapshot } of [manager, ...others].map((one) => one as NonNullable<typeof one>)) {
    const machine = createMachine(JSON.parse(definition as string))
    expect(machine.id).toBe(name.split(':')[0])
    // The state that is told is one of the machine's.
    expect(() => machine.resolveState({ value: snapshot.value, context: {} })).not.toThrow()
  }
  expect(drained()).toMatchObject({ snapshot: { value: { Liveness: expect.any(String), Admission: 'Draining' } } })
  left.abort()
  await shown
})

test('our messages have the fields that its own inspector sends of a live actor', async () => {
  const theirs: StatelyInspectionEvent[] = []
  const inspector = createInspector({ send: (event) => void theirs.push(JSON.parse(JSON.stringify(event))) })
  const parent = setup({ actors: { session: sessionMachine } }).createMachine({
    invoke: { src: 'session', id: 'session' },
  })
  const actor = createActor(parent, { inspect: inspector.inspect }).start()
  const ofTheirs = (kind: Kind) => theirs.find((event) => event.type === kind && event.sessionId !== actor.sessionId)
  actor.getSnapshot().children.session?.send({ type: 'Open', atMs: 1, roll: 0 })
  await vi.waitFor(() => expect(ofTheirs('@xstate.event')).toBeDefined(), { timeout: 20_000 })
  await vi.waitFor(() => expect(ofTheirs('@xstate.snapshot')).toBeDefined(), { timeout: 20_000 })
  actor.stop()
  const ours: StatelyInspectionEvent[] = []
  const left = new AbortController()
  const shown = inspectWith(
    world.far,
    { send: (message) => void ours.push(JSON.parse(message)) },
    { signal: left.signal },
  )
  await vi.waitFor(() => expect(ours.length).toBeGreaterThanOrEqual(4), { timeout: 20_000 })
  await world.far.drain('node-1')
  await vi.waitFor(() => expect(ours.some(({ type }) => type === '@xstate.snapshot')).toBe(true), { timeout: 20_000 })
  for (const kind of ['@xstate.actor', '@xstate.event', '@xstate.snapshot'] as const) {
    const own = ours.findLast(({ type }) => type === kind)
    // Whoever told it is known to XState only.
    const fields = Object.keys(ofTheirs(kind) ?? {}).filter((field) => field !== 'sourceId')
    expect(Object.keys(own ?? {}).sort(), kind).toEqual(fields.sort())
    expect(own?._version).toBe(ofTheirs(kind)?._version)
  }
  left.abort()
  await shown
})
