import { describe, expect, test } from 'vitest'
import {
  type CandidateNode,
  driverComplete,
  type Filter,
  filtersOf,
  freeCpus,
  freeMemory,
  hasDriver,
  matches,
  notDraining,
  offersCpus,
  offersMemory,
  parseConstraint,
  ready,
} from '../../actors/schedulers/filters.ts'

const MiB = 1_024 ** 2

const node = (changes: Partial<CandidateNode> = {}): CandidateNode => ({
  nodeId: 'n1',
  name: 'east',
  state: 'Ready',
  draining: false,
  offered: { cpus: 2, memoryBytes: 1_024 * MiB },
  reserved: { cpus: 0, memoryBytes: 0 },
  attempts: 0,
  labels: { zone: 'a', empty: '' },
  drivers: { docker: 'complete' },
  ...changes,
})

/** Each filter with a node that it refuses, and what it says then. */
const cases: [name: string, filter: Filter, bad: CandidateNode, why: string, one: string, many: string][] = [
  ['ready', ready, node({ state: 'Unknown' }), 'not ready (Unknown)', '1 node not ready', '3 nodes not ready'],
  ['ready', ready, node({ state: 'Suspect' }), 'not ready (Suspect)', '1 node not ready', '3 nodes not ready'],
  [
    'notDraining',
    notDraining,
    node({ draining: true }),
    'draining: it takes no new tasks',
    '1 node draining',
    '3 nodes draining',
  ],
  [
    'hasDriver',
    hasDriver('docker'),
    node({ drivers: { process: 'complete' } }),
    'has no driver docker',
    '1 node has no driver docker',
    '3 nodes have no driver docker',
  ],
  [
    'driverComplete',
    driverComplete('docker'),
    node({ drivers: { docker: 'unavailable' } }),
    'its driver docker is unavailable',
    '1 node with driver docker unavailable',
    '3 nodes with driver docker unavailable',
  ],
  [
    'offersCpus',
    offersCpus(2),
    node({ offered: { cpus: 1, memoryBytes: 0 } }),
    'offers 1 cpu, less than the 2 cpus asked',
    '1 node offers less than 2 cpus',
    '3 nodes offer less than 2 cpus',
  ],
  [
    'offersMemory',
    offersMemory(512 * MiB),
    node({ offered: { cpus: 1, memoryBytes: 256 * MiB } }),
    'offers 256 MiB of memory, less than the 512 MiB asked',
    '1 node offers less than 512 MiB of memory',
    '3 nodes offer less than 512 MiB of memory',
  ],
  [
    'freeCpus',
    freeCpus({ cpus: 1, memoryBytes: 0 }),
    node({ reserved: { cpus: 1.5, memoryBytes: 0 } }),
    'lacks 1 cpu now: 0.5 cpus of 2 cpus free',
    '1 node lacks 1 cpu',
    '3 nodes lack 1 cpu',
  ],
  [
    'freeMemory',
    freeMemory({ cpus: 0, memoryBytes: 512 * MiB }),
    node({ reserved: { cpus: 0, memoryBytes: 768 * MiB } }),
    'lacks 512 MiB of memory now: 256 MiB of 1 GiB free',
    '1 node lacks 512 MiB of memory',
    '3 nodes lack 512 MiB of memory',
  ],
  [
    'matches',
    matches('zone=b'),
    node(),
    'does not match zone=b: its zone is a',
    '1 node does not match zone=b',
    '3 nodes do not match zone=b',
  ],
  [
    'matches',
    matches('disk=ssd'),
    node(),
    'does not match disk=ssd: it has no label disk',
    '1 node does not match disk=ssd',
    '3 nodes do not match disk=ssd',
  ],
]

describe('each filter', () => {
  test.each(cases)('%s refuses, and says why of one and of many', (_name, filter, bad, why, one, many) => {
    expect(filter.admits(bad)).toBe(false)
    expect(filter.why(bad)).toBe(why)
    expect(filter.sum(1)).toBe(one)
    expect(filter.sum(3)).toBe(many)
  })

  test('all admit a node that is fit', () => {
    const filters = filtersOf({
      driver: 'docker',
      reserved: { cpus: 2, memoryBytes: 1_024 * MiB },
      constraints: ['zone=a', 'node!=west'],
    })
    expect(filters.filter((filter) => !filter.admits(node()))).toEqual([])
  })

  test('a driver that cannot be asked is not one that is missing', () => {
    expect(hasDriver('docker').admits(node({ drivers: { docker: 'unavailable' } }))).toBe(true)
    expect(hasDriver('constructor').admits(node())).toBe(false)
  })

  test('a node that offers less than is reserved gets nothing, and no negative number is said', () => {
    const shrunk = node({ offered: { cpus: 1, memoryBytes: MiB }, reserved: { cpus: 2, memoryBytes: 2 * MiB } })
    const asked = { cpus: 0.1, memoryBytes: 1 }
    expect(freeCpus(asked).admits(shrunk)).toBe(false)
    expect(freeMemory(asked).admits(shrunk)).toBe(false)
    expect(freeCpus(asked).why(shrunk)).toBe('lacks 0.1 cpus now: 0 cpus of 1 cpu free')
    expect(freeMemory(asked).why(shrunk)).toBe('lacks 1 byte of memory now: 0 bytes of 1 MiB free')
  })
})

describe('constraints', () => {
  test.each([
    ['zone=a', true],
    ['zone!=a', false],
    ['zone=b', false],
    ['zone!=b', true],
    ['absent=x', false],
    ['absent!=x', true],
    ['absent=', false],
    ['empty=', true],
    ['empty!=', false],
    ['node=east', true],
    ['node!=east', false],
    ['toString!=x', true],
    ['constructor=x', false],
    ['no constraint', false],
  ])('%s → %s', (text, holds) => {
    expect(matches(text).admits(node())).toBe(holds)
  })

  test('what every object inherits is no label', () => {
    expect(matches('constructor=x').why(node())).toBe('does not match constructor=x: it has no label constructor')
  })

  test('a label named node cannot hide the name', () => {
    expect(matches('node=east').admits(node({ labels: { node: 'west' } }))).toBe(true)
    expect(matches('node=west').admits(node({ labels: { node: 'west' } }))).toBe(false)
  })

  test.each([
    ['zone=a', { label: 'zone', equal: true, value: 'a' }],
    ['zone!=a=b', { label: 'zone', equal: false, value: 'a=b' }],
    ['zone=', { label: 'zone', equal: true, value: '' }],
    ['zone==a', undefined],
    ['zone', undefined],
    ['=a', undefined],
    ['!=a', undefined],
    ['zone a=b', undefined],
  ])('%s parses', (text, parsed) => {
    expect(parseConstraint(text)).toEqual(parsed)
  })
})
