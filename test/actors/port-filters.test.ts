/** Which nodes are fit for an ask with ports, and why the others are not. */
import { describe, expect, test } from 'vitest'
import type { NodePorts } from '../../actors/ports.ts'
import { type Ask, type CandidateNode, filtersOf } from '../../actors/schedulers/filters.ts'
import { portsKey } from '../../actors/schedulers/port-filters.ts'

const ports = (range: NodePorts['range'], taken: Readonly<Record<string, string>> = {}, free = 4): NodePorts => ({
  range,
  holder: (port, protocol) => taken[`${port}/${protocol}`],
  free: () => free,
})

const node = (given?: NodePorts, changes: Partial<CandidateNode> = {}): CandidateNode => ({
  nodeId: 'n1',
  name: 'one',
  state: 'Ready',
  draining: false,
  offered: { cpus: 4, memoryBytes: 1_000 },
  reserved: { cpus: 0, memoryBytes: 0 },
  attempts: 0,
  labels: {},
  drivers: { docker: 'complete' },
  ...(given === undefined ? {} : { ports: given }),
  ...changes,
})

type Wanted = NonNullable<Ask['ports']>
const refusal = (wanted: Wanted | undefined, candidate: CandidateNode) => {
  const ask: Ask = { driver: 'docker', reserved: { cpus: 1, memoryBytes: 1 }, constraints: [] }
  const filter = filtersOf(wanted === undefined ? ask : { ...ask, ports: wanted }).find(
    (each) => !each.admits(candidate),
  )
  return filter && [filter.why(candidate), filter.sum(1), filter.sum(3)]
}

const range = { from: 100, to: 103 }

describe('a node', () => {
  test('is fit for what wants no ports, whatever it knows of them', () => {
    expect(refusal(undefined, node())).toBeUndefined()
    expect(refusal([], node())).toBeUndefined()
  })

  test('with the ports free is fit, also outside of its range', () => {
    expect(
      refusal([{ host: 8080 }, {}, { protocol: 'udp' }], node(ports(range, { '8080/udp': 'dns' }))),
    ).toBeUndefined()
  })

  test.each<[string, Wanted, CandidateNode, string, string, string]>([
    [
      'whose worker is older',
      [{}],
      node(),
      'knows nothing of ports: its worker is older than its manager; update it',
      '1 node knows nothing of ports',
      '3 nodes know nothing of ports',
    ],
    [
      'whose worker is older, for a certain port',
      [{ host: 80 }],
      node(ports(undefined)),
      'knows nothing of ports: its worker is older than its manager; update it',
      '1 node knows nothing of ports',
      '3 nodes know nothing of ports',
    ],
    [
      'with the port taken',
      [{ host: 8080 }],
      node(ports(range, { '8080/tcp': 'web' })),
      'port 8080 is taken by task web',
      '1 node has port 8080 taken',
      '3 nodes have port 8080 taken',
    ],
    [
      'with the port of udp taken',
      [{ host: 53, protocol: 'udp' }],
      node(ports(range, { '53/udp': 'dns' })),
      'port 53/udp is taken by task dns',
      '1 node has port 53/udp taken',
      '3 nodes have port 53/udp taken',
    ],
    [
      'with a range that is used up',
      [{}],
      node(ports(range, {}, 0)),
      'lacks 1 free port now: 0 of its range 100-103 left',
      '1 node lacks 1 free port',
      '3 nodes lack 1 free port',
    ],
    [
      'with too few left beside those asked for by number',
      [{ host: 100 }, {}, {}],
      node(ports(range, {}, 2)),
      'lacks 2 free ports now: 1 of its range 100-103 left',
      '1 node lacks 2 free ports',
      '3 nodes lack 2 free ports',
    ],
    [
      'with a range that is too small for ever',
      [{ protocol: 'udp' }, { protocol: 'udp' }],
      node(ports({ from: 100, to: 100 }, {}, 1)),
      'has a range of ports 100-100, less than 2 free udp ports',
      '1 node lacks 2 free udp ports',
      '3 nodes lack 2 free udp ports',
    ],
  ])('%s is not', (_, wanted, candidate, why, one, more) => {
    expect(refusal(wanted, candidate)).toEqual([why, one, more])
  })

  test('is refused first for what lasts', () => {
    const [why] = refusal([{ host: 80 }], node(undefined, { state: 'Down' })) ?? []
    expect(why).toMatch(/^knows nothing of ports/)
    const [other] = refusal([{ host: 80 }], node(ports(range, { '80/tcp': 'web' }), { state: 'Down' })) ?? []
    expect(other).toBe('not ready (Down)')
  })
})

test('asks that get the same answers have the same key', () => {
  expect(portsKey(undefined)).toBeUndefined()
  expect(portsKey([])).toBeUndefined()
  expect(portsKey([{}, { host: 80 }])).toBe(portsKey([{ host: 80, protocol: 'tcp' }, { protocol: 'tcp' }]))
  const others: Wanted[] = [[{}], [{}, {}], [{ host: 80 }], [{ host: 81 }], [{ host: 80, protocol: 'udp' }]]
  expect(new Set(others.map((each) => portsKey(each))).size).toBe(others.length)
})
