/** A client that knows JSON and WebSockets and nothing of Troupe's, and the JSON Schema that it would be written with. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import { Compile } from 'typebox/compile'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { frameLimits } from '../../actors/protocol/frame.ts'
import { type Direction, directions, frameRef, protocolSchema } from '../../scripts/schema.ts'
import { createCodec } from '../../transport/codec.ts'
import { Cluster, until } from './cluster.ts'
import { type Tapped, TappedWire } from './tapped-wire.ts'

const allowed = 'https://app.example'
const codec = createCodec('troupe.v1.json', frameLimits)
let cluster: Cluster
let wire: TappedWire
let tapped: string
let token: string

beforeAll(async () => {
  cluster = await Cluster.open()
  cluster.startUp('--driver', 'process', '--allow-origin', allowed)
  await cluster.ready(1)
  token = await cluster.token()
  wire = new TappedWire(cluster.address)
  tapped = await wire.open()
})
afterAll(async () => {
  await wire.close()
  await cluster.close()
})

type Message = { readonly type: string; readonly req?: number } & Readonly<Record<string, unknown>>

/** Text in, text out. */
class JsonClient {
  readonly got: Message[] = []
  readonly ended: Promise<{ code: number; reason: string; status: number | undefined }>
  readonly #socket: WebSocket

  constructor(url: string, options: { readonly protocols?: string[]; readonly origin?: string } = {}) {
    const { protocols = ['troupe.v1.json'], origin } = options
    this.#socket = new WebSocket(url, protocols, origin === undefined ? {} : { origin })
    let status: number | undefined
    this.#socket.on('unexpected-response', (_, response) => {
      status = response.statusCode
      this.#socket.terminate()
    })
    this.#socket.on('error', () => {})
    this.#socket.on('message', (data) => this.got.push(...(JSON.parse(data.toString()) as { m: Message[] }).m))
    this.ended = new Promise((done) => {
      this.#socket.on('close', (code, reason) => done({ code, reason: reason.toString(), status }))
    })
  }

  async say(...messages: Message[]): Promise<void> {
    if (this.#socket.readyState === WebSocket.CONNECTING) await new Promise((open) => this.#socket.once('open', open))
    this.#socket.send(JSON.stringify({ m: messages }))
  }

  hears(what: string, fits: (message: Message) => boolean): Promise<Message> {
    return until(what, async () => this.got.find(fits))
  }

  close(): void {
    this.#socket.close()
  }
}

const hello = (shown: string | undefined): Message => ({
  type: 'ClientHello',
  version: 'json',
  ...(shown === undefined ? {} : { token: shown }),
})

test('a client in JSON submits a task, follows it to its end, and reads what it wrote', async () => {
  const client = new JsonClient(tapped)
  const spec = { driver: 'process', command: ['sh', '-c', 'printf "\\377ü"; exit 3'], labels: { $$bytes: 'mine' } }
  await client.say(
    hello(token),
    { type: 'SubmitTask', req: 1, taskId: 'json-1', spec },
    { type: 'Subscribe', req: 2, topic: 'tasks', filter: { ids: ['json-1'] }, from: 'snapshot' },
    { type: 'ReadLogs', req: 3, taskId: 'json-1', follow: true },
  )
  type View = { readonly state: string; readonly exitCode: number; readonly labels: object }
  // It may have ended before the subscription has begun.
  const viewIn = ({ task, tasks }: Message) => (task ?? (tasks as readonly View[] | undefined)?.[0]) as View | undefined
  const end = await client.hears('its end', (message) => viewIn(message)?.state === 'Failed')
  expect(viewIn(end)).toMatchObject({ exitCode: 3, labels: { $$bytes: 'mine' } })
  await client.hears('the end of its output', ({ type }) => type === 'OutputEnded')
  const outputs = client.got.filter(({ type }) => type === 'Output') as unknown as readonly {
    readonly chunks: readonly { readonly data: { readonly $bytes: string } }[]
  }[]
  const bytes = outputs.flatMap(({ chunks }) => chunks.map(({ data }) => Buffer.from(data.$bytes, 'base64')))
  expect(Buffer.concat(bytes)).toEqual(Buffer.from([0xff, 0xc3, 0xbc]))
  client.close()
  expect(await client.ended).toMatchObject({ code: 1005 })
})

test.each([
  ['no token', undefined],
  ['an empty token', ''],
  ['a wrong token', 'wrong'],
])('with %s it is refused with 4001, and told nothing', async (_, shown) => {
  const client = new JsonClient(cluster.address)
  await client.say(hello(shown), { type: 'QueryTasks', req: 1, scope: 'all' })
  expect(await client.ended).toMatchObject({ code: 4001, reason: expect.stringContaining('token') })
  expect(client.got).toEqual([])
})

test('a page of a foreign origin is refused with 403 even with the token, one that is allowed is not', async () => {
  for (const origin of ['https://evil.example', 'http://app.example', 'null']) {
    const page = new JsonClient(cluster.address, { origin })
    expect(await page.ended).toMatchObject({ status: 403 })
  }
  const page = new JsonClient(cluster.address, { origin: allowed })
  await page.say(hello(token))
  await page.hears('the welcome', ({ type }) => type === 'ClientWelcome')
  page.close()
  // An allowed origin is no token.
  const stranger = new JsonClient(cluster.address, { origin: allowed })
  await stranger.say(hello(undefined))
  expect(await stranger.ended).toMatchObject({ code: 4001 })
})

test('a client of another version is told with 4002 what is spoken here', async () => {
  const client = new JsonClient(cluster.address, { protocols: ['troupe.v9.json'] })
  expect(await client.ended).toMatchObject({ code: 4002, reason: expect.stringContaining('troupe.v1.json') })
})

test('what breaks its schema in JSON ends the connection with 4000 and where', async () => {
  const client = new JsonClient(cluster.address)
  await client.say(hello(token), { type: 'SubmitTask', req: 2 ** 53, taskId: 'a', spec: { driver: 'process' } })
  expect(await client.ended).toMatchObject({ code: 4000, reason: expect.stringContaining('SubmitTask/req') })
})

test('the JSON Schema in the package is the one of this source', () => {
  const file = fileURLToPath(import.meta.resolve('troupe/schema.json'))
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(protocolSchema())
})

const directionOf = ({ up, worker }: Tapped): Direction =>
  worker ? (up ? 'fromWorker' : 'toWorker') : up ? 'fromClient' : 'toClient'

/** As a JSON client sees it. */
const asJson = (frame: unknown): unknown => JSON.parse(new TextDecoder().decode(codec.encode(frame)))

test('every frame that clients, a worker and the manager say fits the schema of its direction, and no other', async () => {
  const dataDir = `${cluster.dir}/second`
  const flags = ['--driver', 'process', '--name', 'second', '--data-dir', dataDir]
  cluster.start('worker', '--manager', tapped, '--token', token, ...flags)
  await cluster.ready(2)
  const client = new JsonClient(tapped)
  const spec = {
    driver: 'process',
    command: ['sh', '-c', 'echo out; echo err >&2; sleep 60'],
    constraints: ['node=second'],
  }
  await client.say(hello(token), { type: 'SubmitTask', req: 1, taskId: 'both-1', spec })
  await client.say(
    { type: 'Subscribe', req: 2, topic: 'tasks', filter: { ids: ['both-1'] }, from: 'snapshot' },
    { type: 'Subscribe', req: 3, topic: 'events', filter: { ids: ['both-1'] }, from: { logId: 'other', revision: 1 } },
    { type: 'ReadLogs', req: 4, taskId: 'both-1', follow: true },
  )
  await client.hears('output of both kinds', ({ chunks }) => JSON.stringify(chunks)?.includes('stderr') === true)
  await client.say(
    { type: 'QueryNodes', req: 5 },
    { type: 'ExplainTask', req: 6, taskId: 'both' },
    { type: 'QueryTasks', req: 7, scope: 'all' },
    { type: 'StopTask', req: 8, taskId: 'both-1', graceMs: 0 },
    { type: 'StopTask', req: 9, taskId: 'nobody' },
    { type: 'DrainNode', req: 10, node: 'second' },
  )
  await client.hears('the last of its output', ({ type }) => type === 'OutputEnded')
  await client.say({ type: 'Unsubscribe', req: 11, stream: 2 })
  await client.hears('the end of its subscription', ({ req }) => req === 11)
  client.close()
  const wasSaid = (sought: string) =>
    until(sought, async () =>
      JSON.stringify(wire.heard.map(({ frame }) => frame)).includes(sought) ? true : undefined,
    )
  // The worker is told that the end is stored, and that it is heard.
  await wasSaid('"ended":true')
  await wasSaid('"type":"HeartbeatAck"')

  const ajv = new Ajv2020({ strict: true })
  ajv.addSchema(protocolSchema(), 'troupe')
  const validators = new Map<string, ValidateFunction>()
  for (const direction of Object.keys(directions) as Direction[]) {
    validators.set(direction, ajv.compile({ $ref: `troupe${frameRef(direction)}` }))
  }
  const seen = new Map<string, Set<string>>()
  let others = 0
  for (const heard of [...wire.heard]) {
    const direction = directionOf(heard)
    const validate = validators.get(direction) as ValidateFunction
    const frame = asJson(heard.frame)
    expect(
      validate(frame),
      `${direction} ${JSON.stringify(frame).slice(0, 400)} ${ajv.errorsText(validate.errors)}`,
    ).toBe(true)
    // Progress is said by workers and to clients in nearly the same words; nothing else can be mistaken.
    const isProgress = heard.frame.m.every(({ type }) => type === 'Progress')
    for (const [name, other] of validators) if (name !== direction && !isProgress && other(frame)) others += 1
    for (const { type } of heard.frame.m) seen.set(direction, (seen.get(direction) ?? new Set()).add(type))
    agree(direction, heard, validate)
  }
  expect(others).toBe(0)
  expect(quarrels).toEqual([])
  const types = Object.fromEntries([...seen].map(([direction, names]) => [direction, [...names].sort()]))
  expect(types.fromClient).toEqual(expect.arrayContaining(['ClientHello', 'SubmitTask', 'Subscribe', 'ReadLogs']))
  expect(types.toClient).toEqual(expect.arrayContaining(['Submitted', 'Snapshot', 'Delta', 'Reset', 'Output', 'Error']))
  expect(types.fromWorker).toEqual(expect.arrayContaining(['WorkerHello', 'Heartbeat', 'Status', 'LogData']))
  expect(types.toWorker).toEqual(expect.arrayContaining(['Welcome', 'Desired', 'StatusAck', 'OpenLog']))
}, 180_000)

const doors = new Map<object, { Check(value: unknown): boolean }>()
const asked = new Set<string>()
const quarrels: string[] = []

/** The door and the schema say the same of a message when any one of its fields is missing or is something else. */
function agree(direction: Direction, { frame }: Tapped, validate: ValidateFunction): void {
  for (const message of frame.m) {
    if (asked.has(`${direction}.${message.type}`)) continue
    asked.add(`${direction}.${message.type}`)
    const schema = directions[direction][message.type as never] as Parameters<typeof Compile>[0]
    const door = doors.get(schema) ?? Compile(schema)
    doors.set(schema, door)
    for (const { spoilt, how } of spoiltCopies(message)) {
      if (validate(asJson({ m: [spoilt] })) !== door.Check(spoilt)) quarrels.push(`${direction}.${message.type} ${how}`)
    }
  }
}

const replacements = [null, true, -1, 0.5, 7, '', 'no such word', [], {}, new Uint8Array([1])]

function* spoiltCopies(
  value: unknown,
  path: readonly (string | number)[] = [],
): Iterable<{ spoilt: unknown; how: string }> {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  for (const key of Object.keys(value)) {
    if (path.length === 0 && key === 'type') continue
    const { [key]: field, ...rest } = value as Record<string, unknown>
    const where = [...path, key].join('/')
    if (!Array.isArray(value)) yield { spoilt: rest, how: `without ${where}` }
    const put = (other: unknown) =>
      Array.isArray(value) ? value.map((item, at) => (String(at) === key ? other : item)) : { ...value, [key]: other }
    for (const other of replacements) yield { spoilt: put(other), how: `${where} = ${JSON.stringify(other)}` }
    for (const { spoilt, how } of spoiltCopies(field, [...path, key])) yield { spoilt: put(spoilt), how }
  }
}
