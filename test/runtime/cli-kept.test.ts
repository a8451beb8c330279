/** The flags `--keep-…`: what they take, what they say no to, and what comes of them. */
import { describe, expect, test } from 'vitest'
import {
  outputRetentionOf,
  parseKeptNumber,
  parseKeptSize,
  parseKeptTime,
  retentionOf,
} from '../../runtime/cli/kept.ts'
import type { Roots } from '../../runtime/options.ts'
import { startCli } from './cli-rig.ts'
import { eventually } from './client-manager.ts'

test.each([
  ['7d', 604_800_000],
  ['90d', 7_776_000_000],
  ['0', 0],
  ['forever', Number.POSITIVE_INFINITY],
])('a time: %s', (text, ms) => expect(parseKeptTime(text)).toBe(ms))

test.each([
  ['1000', 1_000],
  ['0', 0],
  [' forever ', Number.POSITIVE_INFINITY],
])('a number: %s', (text, number) => expect(parseKeptNumber(text)).toBe(number))

test.each([
  ['1g', 2 ** 30],
  ['0', 0],
  ['forever', Number.POSITIVE_INFINITY],
])('a size: %s', (text, bytes) => expect(parseKeptSize(text)).toBe(bytes))

test('what is none of them is refused with what can be written', () => {
  expect(() => parseKeptTime('7')).toThrow(/"7" has no unit.*; or write forever/)
  expect(() => parseKeptTime('4000d')).toThrow(/at most 3650 days/)
  expect(() => parseKeptTime('')).toThrow(RangeError)
  for (const text of ['-1', '1.5', 'many', '1k', '1'.repeat(16)]) expect(() => parseKeptNumber(text)).toThrow(/forever/)
  expect(() => parseKeptSize('lots')).toThrow(/no size.*; or write forever/)
})

test('what is not said is left to the manager and the worker', () => {
  expect(retentionOf({})).toEqual({})
  expect(retentionOf({ keepLogSize: 0 })).toEqual({ retention: { logBytes: 0 } })
  expect(outputRetentionOf({ keepOutputMax: 5 })).toEqual({ outputRetention: { attemptsMax: 5 } })
})

describe('on the command line', () => {
  async function asked(args: readonly string[]): Promise<Record<string, unknown>> {
    const all: Record<string, unknown>[] = []
    const open = async (options: object) => {
      all.push({ ...options })
      const opened = { address: 'ws://127.0.0.1:1', tokenFile: 't', inspector: 'i', close: async () => {} }
      const failed = new Promise<never>(() => {})
      return { ...opened, failed, name: 'n', nodeId: 'n', connected: Promise.resolve() }
    }
    const roots: Roots = { openManager: open, openWorker: open, openUp: open }
    const run = startCli(args, { roots })
    await eventually('it is up', () => run.stdout !== '' || run.stderr !== '')
    run.signal('SIGTERM')
    expect(await run.exit, run.stderr).toBe(0)
    return all[0] as Record<string, unknown>
  }

  const ofManager = ['--keep-finished', '90d', '--keep-finished-max', '5', '--keep-log', '0', '--keep-log-size', '2g']
  const ofWorker = ['--keep-output', '1h', '--keep-output-max', '0', '--keep-output-size', 'forever']
  const retention = { finishedMs: 7_776_000_000, finishedMax: 5, logMs: 0, logBytes: 2 ** 31 }
  const outputRetention = { ageMs: 3_600_000, attemptsMax: 0, bytesMax: Number.POSITIVE_INFINITY }

  test('manager takes those of the manager', async () => {
    expect(await asked(['manager', ...ofManager])).toMatchObject({ retention })
  })

  test('worker takes those of the worker', async () => {
    const options = await asked(['worker', '--manager', 'ws://127.0.0.1:1', '--token', 't', ...ofWorker])
    expect(options).toMatchObject({ outputRetention })
  })

  test('up takes both', async () => {
    expect(await asked(['up', ...ofManager, ...ofWorker])).toMatchObject({ retention, outputRetention })
  })
})
