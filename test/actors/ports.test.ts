/** Ports of a task: what may be asked for, what an attempt is given, and how both are said. */
import { describe, expect, test } from 'vitest'
import { attemptMachine, statusOf } from '../../actors/attempt.ts'
import { isOwnVariable, withEnvironment } from '../../actors/environment.ts'
import type { HostPort, Port, TaskSpec } from '../../actors/model.ts'
import { checkSpec } from '../../actors/policies.ts'
import { hostPorts, isIpAddress, portText } from '../../actors/ports.ts'
import { standingOf, viewOf } from '../../actors/standing.ts'
import { initialStep, step } from '../../actors/step.ts'
import type { TaskContext } from '../../actors/task.ts'
import { taskMachine } from '../../actors/task.ts'
import { attemptInput, placed, type Stamped, stamped, started, taskInput } from './machine-subjects.ts'

const spec = (ports: readonly Port[], more: Partial<TaskSpec> = {}): TaskSpec => ({
  driver: 'docker',
  ...(more.driver === undefined ? { image: 'web' } : {}),
  ports: [...ports],
  ...more,
})

describe('what may be asked for', () => {
  test.each<[readonly Port[], Partial<TaskSpec>?]>([
    [[]],
    [[{ target: 80 }]],
    [[{ target: 80, host: 8080 }, { target: 443 }]],
    // A port of udp is another than that of tcp.
    [
      [
        { target: 53, host: 53 },
        { target: 53, host: 53, protocol: 'udp' },
      ],
    ],
    [[{ target: 80, address: '127.0.0.1' }]],
    [[{ target: 80, address: '::1' }], { network: 'mine' }],
    [[{ target: 80 }], { network: 'host' }],
    [[], { network: 'none' }],
    [[{ target: 80 }], { driver: 'process', command: ['x'] }],
  ])('%j %j', (ports, more) => {
    expect(checkSpec(spec(ports, more))).toBeUndefined()
  })

  test.each<[readonly Port[], Partial<TaskSpec>, RegExp]>([
    [[{ target: 80 }], { network: 'none' }, /without a network has no ports/],
    [[{ target: 80, host: 1 }, { target: 80 }], {}, /port 80 of the task is named twice/],
    [
      [
        { target: 53, protocol: 'udp' },
        { target: 53, protocol: 'udp' },
      ],
      {},
      /port 53\/udp of the task is named twice/,
    ],
    [
      [
        { target: 80, host: 8080 },
        { target: 81, host: 8080, protocol: 'tcp' },
      ],
      {},
      /host port 8080 is asked for twice/,
    ],
    [[{ target: 80, address: '1.2.3' }], {}, /1.2.3 is no IP address/],
    [[{ target: 80, address: '127.0.0.1' }], { network: 'host' }, /nothing is published/],
    [[{ target: 80, address: '127.0.0.1' }], { driver: 'process', command: ['x'] }, /listens where it wants/],
    [[], { env: { TROUPE_PORT_80: '1' } }, /TROUPE_PORT_80 is Troupe's own/],
    [[], { env: { TROUPE_PORT_53_UDP: '1' } }, /TROUPE_PORT_53_UDP is Troupe's own/],
  ])('not %j %j', (ports, more, words) => {
    expect(checkSpec(spec(ports, more))).toMatch(words)
  })

  test.each([
    ...['0.0.0.0', '255.1.2.3', '::', '::1', '1::', 'fe80::1', '2001:DB8::a:b', '1:2:3:4:5:6:7:8', '::ffff:10.0.0.1'],
  ])('%j is an IP address', (text) => {
    expect(isIpAddress(text)).toBe(true)
  })

  test.each([
    ...['', '1', '1.2.3', '256.1.1.1', '1.2.3.4.5', ':', ':::', '1:2', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8'],
    ...['12345::', '::1.2.3', '::1::', '1.2.3.4::', 'g::', '1.2.3.4:80'],
  ])('%j is none', (text) => {
    expect(isIpAddress(text)).toBe(false)
  })
})

describe('what an attempt is given', () => {
  const asked: Port[] = [{ target: 80 }, { target: 443, host: 8443, address: '::1' }, { target: 53, protocol: 'udp' }]
  const given: HostPort[] = [
    { target: 80, host: 20_000, protocol: 'tcp' },
    { target: 443, host: 8443, protocol: 'tcp', address: '::1' },
    { target: 53, host: 20_001, protocol: 'udp' },
  ]

  test('what was asked for by number, and of the rest what was chosen', () => {
    expect(hostPorts(asked, [20_000, 20_001])).toEqual(given)
    expect(() => hostPorts(asked, [20_000])).toThrow(/no port was chosen for 53/)
  })

  test('is told in its environment, whatever the user says', () => {
    const place = { clusterId: 'c', nodeId: 'n', nodeName: 'node' }
    const key = { taskId: 'web', attempt: 1 }
    const { env } = withEnvironment(spec(given, { env: { A: '1', TROUPE_PORT_80: '1' } }), key, place)
    expect(env).toMatchObject({
      A: '1',
      TROUPE_PORT_80: '20000',
      TROUPE_PORT_443: '8443',
      TROUPE_PORT_53_UDP: '20001',
    })
    expect(isOwnVariable('TROUPE_PORT_LIST')).toBe(false)
  })

  test('is said in a few characters', () => {
    expect(given.map(portText)).toEqual(['20000→80', '[::1]:8443→443', '20001→53/udp'])
  })

  test('is reported by its worker, that a manager knows what one holds that it has given up', () => {
    const { snapshot } = initialStep(attemptMachine, { ...attemptInput(), spec: spec(given) })
    expect(statusOf(snapshot.context).ports).toEqual([
      { host: 20_000, protocol: 'tcp' },
      { host: 8443, protocol: 'tcp' },
      { host: 20_001, protocol: 'udp' },
    ])
    expect(statusOf(initialStep(attemptMachine, attemptInput()).snapshot.context)).not.toHaveProperty('ports')
  })

  const walk = (...events: Stamped[]) => {
    let { snapshot } = initialStep(taskMachine, taskInput({ ports: asked, restart: { policy: 'on-failure' } }))
    for (const event of events) ({ snapshot } = step(taskMachine, snapshot, event))
    return snapshot
  }
  const given1 = stamped({ ...placed, ports: given })

  test('belongs to the attempt: it is held while that is open, and stays in its history', () => {
    const running = walk(given1, started)
    expect(standingOf(running).open?.ports).toEqual(given)
    expect(viewOf(running, 1).ports).toEqual(given)
    const over = walk(given1, started, stamped({ type: 'Exited', exitCode: 1 }))
    expect(standingOf(over).open).toBeUndefined()
    expect(viewOf(over, 1)).not.toHaveProperty('ports')
    expect((over.context as TaskContext).attempts[0]?.ports).toEqual(given)
  })

  test('is the next attempt’s own', () => {
    const next = [{ ...(given[0] as HostPort), host: 20_007 }]
    const events = [given1, started, stamped({ type: 'Exited', exitCode: 1 }), stamped({ type: 'BackOffElapsed' })]
    const again = walk(...events, stamped({ ...placed, ports: next }))
    expect(standingOf(again).open?.ports).toEqual(next)
  })

  test('is nothing for a task from before there were ports', () => {
    const { snapshot } = initialStep(taskMachine, taskInput())
    expect(snapshot.context).not.toHaveProperty('ports')
    const running = step(taskMachine, snapshot, placed).snapshot
    expect(standingOf(running).open?.ports).toEqual([])
    expect((running.context as TaskContext).attempts[0]).not.toHaveProperty('ports')
  })
})
