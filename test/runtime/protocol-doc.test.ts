/** Holds docs/PROTOCOL.md to the code: who has read only that page must not meet anything that is not on it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TObject } from 'typebox'
import { Check } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { HealthCheck, healthDefaults, healthLimits } from '../../actors/health.ts'
import {
  AttemptStatus,
  AttemptSummary,
  modelLimits,
  NodeRegistration,
  NodeView,
  nodeStates,
  outcomes,
  PlacementDecision,
  TaskEvent,
  TaskSpec,
  TaskView,
  taskStates,
} from '../../actors/model.ts'
import { ActorStep, ActorView, clientLimits, clientMessages, clientReplies } from '../../actors/protocol/client.ts'
import { closeCodes, errorCodes } from '../../actors/protocol/errors.ts'
import { frameLimits, subprotocols } from '../../actors/protocol/frame.ts'
import { DesiredAttempt, managerMessages, workerMessages } from '../../actors/protocol/session.ts'
import { sessionLimits } from '../../actors/session.ts'
import { taskEventTypes } from '../../actors/task-context.ts'
import { nestedStates } from '../../runtime/client/snapshot.ts'
import { journalLimits } from '../../runtime/host/journal.ts'
import { doorLimits } from '../../runtime/manager/door.ts'
import { historyLimits } from '../../runtime/manager/history.ts'
import { livenessDefaults } from '../../runtime/manager/liveness.ts'
import { workerLimits } from '../../runtime/manager/workers.ts'
import { heartbeatLimits } from '../../runtime/worker/heartbeat.ts'
import { createCodec } from '../../transport/codec.ts'

const page = readFileSync(join(import.meta.dirname, '../../docs/PROTOCOL.md'), 'utf8')
// Tables are padded for the eye; their cells are not.
const lines = page.split('\n').map((line) => (line.startsWith('|') ? line.replaceAll(/ {2,}/g, ' ') : line))

/** The cells of the rows of the table whose heading begins so. */
function rows(heading: string): string[][] {
  const start = lines.findIndex((line) => line.startsWith(`| ${heading}`))
  expect(start, `a table that begins with "${heading}"`).toBeGreaterThan(-1)
  const body = lines.slice(start + 2)
  const end = body.findIndex((line) => !line.startsWith('|'))
  return body.slice(0, end).map((line) => line.slice(2, -2).split(' | '))
}

/** The words of a text that are code. */
const codeIn = (text: string): string[] => [...text.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code as string)
const fieldsIn = (text: string): Set<string> => new Set(codeIn(text).flatMap((code) => code.match(/\w+\??/g) ?? []))
const numberIn = (text: string | undefined): number => Number(/[\d,]+/.exec(text ?? '')?.[0].replaceAll(',', ''))

/** A schema's fields as the page writes them: `name?` may be left out. */
const fieldsOf = (schema: TObject): string[] =>
  Object.keys(schema.properties).map((name) => (schema.required?.includes(name) ? name : `${name}?`))

const tables: readonly { heading: string; schemas: Record<string, TObject>; unsaid: readonly string[] }[] = [
  { heading: 'request', schemas: clientMessages, unsaid: ['type', 'req'] },
  { heading: 'from the manager', schemas: clientReplies, unsaid: ['type', 'req', 'req?'] },
  { heading: 'worker → manager', schemas: workerMessages, unsaid: ['type'] },
  { heading: 'manager → worker', schemas: managerMessages, unsaid: ['type'] },
]

describe.each(tables)('the table "$heading"', ({ heading, schemas, unsaid }) => {
  const table = new Map(rows(heading).map(([name = '', fields = '']) => [codeIn(name)[0], fields]))

  test('has every message, and no other', () => {
    // The Hello of a client is described in the text before its table.
    const named = Object.keys(schemas).filter((name) => name !== 'ClientHello')
    expect([...table.keys()].sort()).toEqual(named.sort())
  })

  test.each([...table])('has all fields of %s', (name, fields) => {
    const schema = schemas[name as string] as TObject
    const wanted = fieldsOf(schema).filter((field) => !unsaid.includes(field))
    expect([...fieldsIn(fields)]).toEqual(expect.arrayContaining(wanted))
  })
})

test('the Hello of a client is there with its fields', () => {
  expect(page).toContain(
    `\`ClientHello{${fieldsOf(clientMessages.ClientHello)
      .filter((name) => name !== 'type')
      .join(', ')}}\``,
  )
})

test('every error code is there, with whether trying again helps', () => {
  const told = rows('code | retryable').map(([code = '', retryable]) => [codeIn(code)[0], retryable === 'yes'])
  expect(Object.fromEntries(told)).toEqual(
    Object.fromEntries(Object.entries(errorCodes).map(([code, { retryable }]) => [code, retryable])),
  )
})

test('every close code is there, with its name', () => {
  const told = rows('code | name').map(([code, name = '']) => [codeIn(name)[0], Number(code)])
  expect(Object.fromEntries(told)).toEqual(closeCodes)
})

test('the limits are those of the code', () => {
  const limits: Record<string, number> = { ...frameLimits, ...clientLimits, ...doorLimits }
  limits.specBytesMax = modelLimits.specBytesMax
  limits.driversMax = modelLimits.driversMax
  limits.registrationCharsMax = workerLimits.registrationCharsMax
  limits.backlogOpsMax = journalLimits.backlogOpsMax
  limits.backlogBytesMax = journalLimits.backlogBytesMax
  const told = rows('limit').filter(([name = '']) => name.startsWith('`'))
  expect(Object.fromEntries(told.map(([name = '', value]) => [codeIn(name)[0], numberIn(value)]))).toEqual(limits)
})

test('times and defaults in the text are those of the code', () => {
  const { heartbeatMs, suspectMs, leaseMs } = livenessDefaults
  expect(page).toContain(`the newest ${historyLimits.readBytesMax / 2 ** 20} MiB`)
  const grouped = (value: number) => value.toLocaleString('en-US')
  expect(page).toContain(`\`heartbeatMs\` (${grouped(heartbeatMs)}), ±${heartbeatLimits.jitter * 100} %`)
  expect(page).toContain(`\`Suspect\` ${grouped(suspectMs)} ms`)
  expect(page).toContain(`\`leaseMs\` (${grouped(leaseMs)})`)
  expect(page).toContain(`\`contestMs\` (${grouped(workerLimits.contestMs)} ms)`)
  const { backOffMs, backOffMaxMs, greetingMsMax } = sessionLimits
  expect(page).toContain(`min(${backOffMaxMs / 1_000} s, ${backOffMs} ms · 2ⁿ)`)
  expect(page).toContain(`without an answer for ${greetingMsMax / 1_000} s`)
})

const shapes: readonly [string, TObject][] = [
  ['TaskView', TaskView],
  ['TaskEvent', TaskEvent],
  ['NodeView', NodeView],
  ['ActorView', ActorView],
  ['ActorStep', ActorStep],
  ['NodeRegistration', NodeRegistration],
  ['AttemptSummary', AttemptSummary],
  ['PlacementDecision', PlacementDecision],
]

test.each(shapes)('%s has all its fields on the page', (name, schema) => {
  const row = rows('shape').find(([shape]) => shape === `\`${name}\``)
  expect([...fieldsIn(row?.[1] ?? '')]).toEqual(expect.arrayContaining(fieldsOf(schema)))
})

test('a spec has all its fields on the page', () => {
  const told = rows('`TaskSpec` field').flatMap(([names = '']) => codeIn(names))
  expect(told.sort()).toEqual(Object.keys(TaskSpec.properties).sort())
})

test.each([
  ['desired attempt', DesiredAttempt],
  ['status', AttemptStatus],
])('what a %s holds stands in one list', (_, schema) => {
  const lists = codeIn(page).map((code) => new Set(code.match(/\w+\??/g)))
  expect(lists.some((list) => fieldsOf(schema).every((field) => list.has(field)))).toBe(true)
})

test('every nested state is named', () => {
  const nested = Object.values(nestedStates)
    .flat()
    .filter((name) => name !== 'Up')
  expect(codeIn(page)).toEqual(expect.arrayContaining(nested))
})

test('a health check has all its fields on the page', () => {
  const told = rows('`TaskSpec` field').find(([name]) => name === '`health`')
  expect([...fieldsIn(told?.[1] ?? '')]).toEqual(expect.arrayContaining(fieldsOf(HealthCheck)))
})

test('every event of a task is on the page, and no other', () => {
  const told = rows('event |').flatMap(([names = '']) => codeIn(names))
  // Told to its machine after a crash, and never logged.
  const logged = taskEventTypes.filter((type) => type !== 'Recovered')
  expect(told.sort()).toEqual(['Created', ...logged].sort())
})

test('the limits of a spec are on the page', () => {
  const spec = rows('`TaskSpec` field').join(' ')
  const { argsMax, argCharsMax, labelsMax, constraintsMax, nameCharsMax, cpusMax } = modelLimits
  for (const limit of [argsMax, argCharsMax, labelsMax, constraintsMax, nameCharsMax, cpusMax]) {
    expect(spec).toContain(limit.toLocaleString('en-US'))
  }
  expect(modelLimits.envMax).toBe(argsMax)
  const { startPeriodMs, intervalMs, timeoutMs, retries } = healthDefaults
  const times = [startPeriodMs, intervalMs].map((value) => value.toLocaleString('en-US')).join(', ')
  expect(spec).toContain(
    `default to ${times} (at least ${healthLimits.intervalMsMin}) and ${timeoutMs.toLocaleString('en-US')}`,
  )
  expect(spec).toContain(`\`retries\` to ${retries}`)
})

test('every subprotocol, state and outcome is named', () => {
  expect(codeIn(page)).toEqual(expect.arrayContaining([...subprotocols, ...taskStates, ...nodeStates, ...outcomes]))
})

describe('the example', () => {
  const codec = createCodec('troupe.v1.json', frameLimits)
  const utf8 = new TextEncoder()
  const example = lines.filter((line) => /^[→←] /.test(line))
  const whole = example.filter((line) => !line.includes(',…') && !line.includes('"id":"hello-1",…'))
  const schemasOf = (line: string): Record<string, TObject> => (line.startsWith('→') ? clientMessages : clientReplies)

  test('is long enough to be one', () => {
    expect(whole.length).toBeGreaterThan(8)
  })

  test.each(whole)('holds only messages that their schemas take, or says that one is not: %s', (line) => {
    const { m } = codec.decode(utf8.encode(line.slice(2))) as { m: { type: string }[] }
    for (const message of m) {
      const schema = schemasOf(line)[message.type] as TObject
      expect(Check(schema, message)).toBe(!line.includes('NOT AN ID'))
    }
  })

  test('names only messages that exist', () => {
    for (const line of example) {
      for (const [, type = ''] of line.matchAll(/"type":"(\w+)","req"/g)) expect(schemasOf(line)).toHaveProperty(type)
    }
  })
})
