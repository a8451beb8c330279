/** Affinities in the words of the command line: what `--affinity` and a task file take, and how they are shown. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseAffinity } from '../../actors/affinity-text.ts'
import type { Affinity } from '../../actors/model.ts'
import { scoreLines } from '../../runtime/cli/score-table.ts'
import { parseTaskFile } from '../../runtime/cli/task-file.ts'
import { cli } from './cli-rig.ts'
import { FakeManager, freshTask, token } from './client-manager.ts'

let manager: FakeManager
beforeEach(async () => {
  manager = await FakeManager.start()
})
afterEach(() => manager.close())

describe('an affinity as people write it', () => {
  test.each<[string, Affinity]>([
    ['zone=eu', { expression: 'zone=eu' }],
    ['zone=eu:80', { expression: 'zone=eu', weight: 80 }],
    ['node!=old:-30', { expression: 'node!=old', weight: -30 }],
    ['zone=', { expression: 'zone=' }],
    ['address=::1:50', { expression: 'address=::1', weight: 50 }],
    ['image=a:b', { expression: 'image=a:b' }],
    ['a=b=c:1', { expression: 'a=b=c', weight: 1 }],
  ])('%s', (text, affinity) => {
    expect(parseAffinity(text)).toEqual(affinity)
  })

  test.each([
    ['', /"" is no affinity; write LABEL=VALUE/],
    ['zone', /is no affinity/],
    ['zone:5', /is no affinity/],
    ['zone==eu', /is no affinity/],
    ['=eu', /is no affinity/],
    ['zone=eu:0', /0 is no weight of an affinity; write 1 to 100, or -1 to -100/],
    ['zone=eu:101', /101 is no weight/],
    ['zone=eu:-101', /-101 is no weight/],
  ])('not %j', (text, words) => {
    expect(() => parseAffinity(text)).toThrow(words)
  })
})

test('a task file has them as text or as a map, and names the line of one that is wrong', () => {
  const file = (...lines: string[]) => ['image: x', 'affinities:', ...lines.map((line) => `  - ${line}`)].join('\n')
  expect(parseTaskFile(file('zone=eu', 'disk=ssd:90', '{expression: zone=us, weight: -5}'), 'f').spec).toMatchObject({
    affinities: [
      { expression: 'zone=eu' },
      { expression: 'disk=ssd', weight: 90 },
      { expression: 'zone=us', weight: -5 },
    ],
  })
  for (const [line, words] of [
    ['zone', /^f:4: .*"zone" is no affinity/],
    ['{expression: zone, weight: 5}', /^f:4: "affinities\.1\.expression" must look like label=value or label!=value/],
    ['{expression: a=b, weight: 500}', /^f:4: "affinities\.1\.weight" must be <= 100/],
    ['{weight: 5}', /^f:4: "affinities\.1" lacks the field "expression"/],
    ['{expression: a=b, wieght: 5}', /^f:4: there is no field "wieght"; did you mean "weight"/],
  ] as const) {
    expect(() => parseTaskFile(file('a=b', line), 'f')).toThrow(words)
  }
})

describe('the command line', () => {
  const run = (...args: string[]) => cli(args, { env: { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token } })

  test('--affinity may be repeated', async () => {
    const flags = ['--affinity', 'zone=eu', '--affinity', 'node=old:-30', '--constraint', 'disk=ssd']
    const { code, stdout, stderr } = await run('run', '-d', ...flags, 'web')
    expect(code, stderr).toBe(0)
    expect(manager.specs.get(stdout.trim())).toMatchObject({
      constraints: ['disk=ssd'],
      affinities: [{ expression: 'zone=eu' }, { expression: 'node=old', weight: -30 }],
    })
    const wrong = await run('run', '-d', '--affinity', 'zone=eu:500', 'web')
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringMatching(/500 is no weight of an affinity/) })
  })

  test('explain shows them, what each node has of them, and of how many nodes a sample was', async () => {
    const decision = {
      ...{ scheduler: 'binpack', atMs: Date.now(), picked: 'n2', considered: 14, of: 10_000, refusals: [] },
      scores: [
        { nodeId: 'n2', name: 'dear', cost: 12.5, affinity: 90 },
        { nodeId: 'n1', name: 'cheap', cost: 2, affinity: -30 },
      ],
    }
    manager.answer = ({ type, req }) =>
      type !== 'ExplainTask'
        ? undefined
        : {
            ...{ type: 'Explanation', req, task: freshTask('abc'), attempts: [], events: [], timers: [] },
            spec: { driver: 'process', affinities: [{ expression: 'zone=eu', weight: 90 }, { expression: 'a!=b' }] },
            ...{ decision, schedulers: [decision] },
          }
    const { code, stdout } = await run('explain', 'abc')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Affinities: +zone=eu \(90\), a!=b \(50\)$/m)
    expect(stdout).toMatch(/picked dear \(binpack, 14 of 10000 nodes considered, /)
    expect(stdout).toMatch(/\* dear {2}cost 12\.5, affinity \+90\n {2}cheap {2}cost 2, affinity -30\n/)
    expect(scoreLines([decision])).toEqual([
      'NODE   binpack  AFFINITY',
      'dear   12.5 *   +90',
      'cheap  2        -30',
      '… and 9998 more',
      "* = its pick: the lowest cost wins, weighed against the affinity. This cluster's own is binpack.",
    ])
  })
})
