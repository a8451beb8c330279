/** What the types of the API promise: every verb of the command line, and a signal and a time limit on each. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { connect as connectFromPage, Troupe as PageTroupe } from '../../runtime/browser.ts'
import type {
  CallOptions,
  ConnectOptions,
  connect,
  ErrorCode,
  EventStream,
  Explanation,
  ListOptions,
  LogLine,
  NodeView,
  OpenedTroupe,
  openTroupe,
  Plan,
  RunOptions,
  Stopped,
  StreamOptions,
  TaskChanges,
  TaskOutput,
  TaskPage,
  TaskRef,
  TaskSpec,
  Troupe,
  TroupeError,
  TroupeOptions,
} from '../../runtime/index.ts'
import { cli } from './cli-rig.ts'

/** The options of a method: its last argument. */
type OptionsOf<F> = F extends (...args: infer A) => unknown
  ? Required<A> extends [...unknown[], infer Last]
    ? NonNullable<Last>
    : never
  : never

/** The verb of the command line → the method that does the same. The others open a host or mend a folder, and ask no manager for anything. */
const methods = {
  run: 'run',
  plan: 'plan',
  status: 'list',
  events: 'events',
  actors: 'actors',
  stop: 'stop',
  wait: 'wait',
  rerun: 'rerun',
  explain: 'explain',
  logs: 'logs',
  stats: 'stats',
  backup: 'backup',
  node: 'nodes',
  'node drain': 'drain',
  'node undrain': 'undrain',
  'node rm': 'removeNode',
} as const satisfies Record<string, keyof Troupe>
const withoutManager = ['up', 'manager', 'worker', 'repair', 'chart', 'inspector', 'help']

describe('every verb of the command line', () => {
  test('is a method, or needs no manager', async () => {
    const { stdout } = await cli(['--help'])
    const verbs = [...stdout.matchAll(/^ {2}([a-z]+)\b.* {2,}[a-z]/gm)].map(([, verb = '']) => verb)
    const { stdout: ofNode } = await cli(['node', '--help'])
    const within = [...ofNode.matchAll(/^ {2}([a-z]+) \[options\] <name>/gm)].map(([, verb]) => `node ${verb}`)
    expect(within).toHaveLength(3)
    const known = [...Object.keys(methods), ...withoutManager]
    expect([...verbs, ...within].filter((verb) => !known.includes(verb))).toEqual([])
  })

  test('stands in the table of the API’s page', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/API.md'), 'utf8')
    const table = page.split('\n').filter((line) => line.startsWith('|'))
    for (const method of Object.values(methods)) {
      expect(
        table.some((line) => new RegExp(`\`${method}[\`(]`).test(line.split(' | ')[0] ?? '')),
        method,
      ).toBe(true)
    }
  })
})

test('every call takes a signal and a time limit', () => {
  // Else whatever follows would hold of nothing.
  expectTypeOf<OptionsOf<Troupe['run']>>().toEqualTypeOf<RunOptions>()
  expectTypeOf<OptionsOf<Troupe['list']>>().toEqualTypeOf<ListOptions>()
  expectTypeOf<OptionsOf<Troupe['nodes']>>().toEqualTypeOf<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['run']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['get']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['list']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['stop']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['rerun']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['wait']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['nodes']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['drain']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['undrain']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['removeNode']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['explain']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<Troupe['plan']>>().toEqualTypeOf<RunOptions>()
  expectTypeOf<OptionsOf<Troupe['backup']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<TaskRef['result']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<TaskRef['stop']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<TaskRef['rerun']>>().toExtend<CallOptions>()
  expectTypeOf<OptionsOf<TaskRef['explain']>>().toExtend<CallOptions>()
  expectTypeOf<ConnectOptions['signal']>().toEqualTypeOf<AbortSignal | undefined>()
})

test('and so does every iteration', () => {
  expectTypeOf<OptionsOf<Troupe['events']>>().toExtend<StreamOptions>()
  expectTypeOf<OptionsOf<Troupe['watch']>>().toExtend<StreamOptions>()
  expectTypeOf<OptionsOf<Troupe['logs']>>().toExtend<StreamOptions>()
  expectTypeOf<OptionsOf<Troupe['stats']>>().toEqualTypeOf<StreamOptions>()
  expectTypeOf<OptionsOf<Troupe['listAll']>>().toExtend<StreamOptions>()
  expectTypeOf<OptionsOf<TaskRef['events']>>().toExtend<StreamOptions>()
  expectTypeOf<OptionsOf<TaskRef['logs']>>().toExtend<StreamOptions>()
  expectTypeOf<StreamOptions['timeoutMs']>().toEqualTypeOf<number | undefined>()
  expectTypeOf<CallOptions['signal']>().toEqualTypeOf<AbortSignal | undefined>()
})

test('what comes back has a type of its own', () => {
  expectTypeOf<Troupe['run']>().parameter(0).toEqualTypeOf<TaskSpec>()
  expectTypeOf<Troupe['run']>().returns.resolves.toEqualTypeOf<TaskRef>()
  expectTypeOf<Troupe['get']>().returns.resolves.toEqualTypeOf<TaskRef>()
  expectTypeOf<Troupe['list']>().returns.resolves.toEqualTypeOf<TaskPage>()
  expectTypeOf<Troupe['stop']>().returns.resolves.toEqualTypeOf<Stopped>()
  expectTypeOf<Troupe['wait']>().returns.resolves.toEqualTypeOf<TaskOutput>()
  expectTypeOf<TaskRef['result']>().returns.resolves.toEqualTypeOf<TaskOutput>()
  expectTypeOf<Troupe['nodes']>().returns.resolves.toEqualTypeOf<NodeView[]>()
  expectTypeOf<Troupe['drain']>().returns.resolves.toEqualTypeOf<NodeView>()
  expectTypeOf<Troupe['explain']>().returns.resolves.toEqualTypeOf<Explanation>()
  expectTypeOf<Troupe['plan']>().parameter(0).toEqualTypeOf<TaskSpec>()
  expectTypeOf<Troupe['plan']>().returns.resolves.toEqualTypeOf<Plan>()
  expectTypeOf<Troupe['events']>().returns.toEqualTypeOf<EventStream>()
  expectTypeOf<Troupe['watch']>().returns.toEqualTypeOf<TaskChanges>()
  expectTypeOf<Troupe['logs']>().returns.toEqualTypeOf<AsyncIterable<LogLine>>()
  expectTypeOf<TroupeError['code']>().toEqualTypeOf<ErrorCode>()
  expectTypeOf<TroupeError['retryable']>().toEqualTypeOf<boolean>()
})

test('near, far and from a page it is one interface, and disposable', () => {
  expectTypeOf<typeof connect>().returns.resolves.toEqualTypeOf<Troupe>()
  expectTypeOf<typeof connectFromPage>().returns.resolves.toEqualTypeOf<Troupe>()
  expectTypeOf<PageTroupe>().toEqualTypeOf<Troupe>()
  expectTypeOf<typeof openTroupe>().returns.resolves.toEqualTypeOf<OpenedTroupe>()
  expectTypeOf<OpenedTroupe>().toExtend<Troupe>()
  expectTypeOf<Troupe>().toExtend<AsyncDisposable>()
  // Each part is an argument.
  expectTypeOf<TroupeOptions>().toHaveProperty('scheduler')
  expectTypeOf<TroupeOptions>().toHaveProperty('storage')
  expectTypeOf<TroupeOptions>().toHaveProperty('drivers')
  expectTypeOf<TroupeOptions>().toHaveProperty('transport')
  expectTypeOf<TroupeOptions>().toHaveProperty('logger')
})
