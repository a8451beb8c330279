/** Ports in the words of the command line: what `--port` takes, and how they are shown. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { HostPort, NodeView, Port, TaskView } from '../../actors/model.ts'
import { parsePortMapping, parsePortRange } from '../../actors/port-text.ts'
import { explanationLines } from '../../runtime/cli/explain.ts'
import { parseTaskFile } from '../../runtime/cli/task-file.ts'
import { cli } from './cli-rig.ts'
import { FakeManager, freshTask, token } from './client-manager.ts'

let manager: FakeManager
beforeEach(async () => {
  manager = await FakeManager.start()
})
afterEach(() => manager.close())

describe('a port as docker writes it', () => {
  test.each<[string, Port]>([
    ['80', { target: 80 }],
    ['8080:80', { host: 8080, target: 80 }],
    ['8080:80/tcp', { host: 8080, target: 80, protocol: 'tcp' }],
    ['53/udp', { target: 53, protocol: 'udp' }],
    ['127.0.0.1:8080:80', { address: '127.0.0.1', host: 8080, target: 80 }],
    ['127.0.0.1::80', { address: '127.0.0.1', target: 80 }],
    ['[::1]:8080:80/udp', { address: '::1', host: 8080, target: 80, protocol: 'udp' }],
  ])('%s', (text, port) => {
    expect(parsePortMapping(text)).toEqual(port)
  })

  test.each([
    ['', /is no port; write TARGET/],
    ['web', /"web" is no port; write a number from 1 to 65535/],
    ['0', /"0" is no port/],
    ['65536:80', /"65536" is no port/],
    ['80/', /"" is no protocol/],
    ['80/sctp', /"sctp" is no protocol of a port; write tcp or udp/],
    [':80', /lacks the port before the colon; write 80 for one that is free/],
    ['8080-8090:80-90', /is a range of ports; write --port once for each/],
    ['127.0.0.1:80', /"127.0.0.1" is no port/],
    ['1.2.3:8080:80', /"1.2.3" is no IP address/],
    ['::1:8080:80', /is no port/],
    ['1:2:3:4', /is no port/],
  ])('not %j', (text, words) => {
    expect(() => parsePortMapping(text)).toThrow(words)
  })
})

test('the range of a worker', () => {
  expect(parsePortRange('20000-32767')).toEqual({ from: 20_000, to: 32_767 })
  expect(parsePortRange('8080-8080')).toEqual({ from: 8080, to: 8080 })
  for (const wrong of ['', '80', '1-2-3', 'a-b']) expect(() => parsePortRange(wrong)).toThrow(/write FROM-TO/)
  expect(() => parsePortRange('90-80')).toThrow(/the lower one first, as 80-90/)
  expect(() => parsePortRange('0-80')).toThrow(/"0" is no port/)
})

test('a task file has them as a number, as text, or as a map', () => {
  const text = 'image: x\nports: [80, "8080:81", 127.0.0.1::53/udp, {target: 443, host: 8443}]'
  expect(parseTaskFile(text, 'f').spec.ports).toEqual([
    { target: 80 },
    { host: 8080, target: 81 },
    { address: '127.0.0.1', target: 53, protocol: 'udp' },
    { target: 443, host: 8443 },
  ])
})

describe('--port', () => {
  const run = (...flags: string[]) =>
    cli(['run', '-d', ...flags, 'web'], { env: { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token } })

  test('may be repeated, and goes with a health check of that port', async () => {
    const { code, stdout, stderr } = await run('-p', '8080:80', '--port', '53/udp', '--health-http', '80/ready')
    expect(code, stderr).toBe(0)
    expect(manager.specs.get(stdout.trim())).toEqual({
      driver: 'docker',
      image: 'web',
      ports: [
        { host: 8080, target: 80 },
        { target: 53, protocol: 'udp' },
      ],
      health: { kind: 'http', port: 80, path: '/ready' },
    })
  })

  test('that is wrong is refused, with what to write', async () => {
    const { code, stderr } = await run('--port', '80:')
    expect([code, stderr]).toEqual([2, expect.stringMatching(/--port.*is no port/)])
  })
})

describe('what a task was given', () => {
  const env = () => ({ TROUPE_ADDR: manager.address, TROUPE_TOKEN: token })
  const ports: HostPort[] = [
    { target: 80, host: 8080, protocol: 'tcp' },
    { target: 53, host: 20_001, protocol: 'udp', address: '127.0.0.1' },
  ]
  const more = Array.from({ length: 4 }, (_, at): HostPort => ({ target: at + 1, host: at + 21, protocol: 'tcp' }))

  test('is a column of status as soon as any task has some, and cut where there are many', async () => {
    manager.tasks.set('plain', freshTask('plain'))
    expect((await cli(['status'], { env: env() })).stdout).not.toContain('PORTS')
    manager.tasks.set('web', { ...freshTask('web'), state: 'Running', detail: '', ports })
    manager.tasks.set('many', { ...freshTask('many'), state: 'Running', detail: '', ports: more })
    const lines = (await cli(['status'], { env: env() })).stdout.split('\n')
    expect(lines[0]).toMatch(/AGE +PORTS +DETAIL$/)
    expect(lines.find((line) => line.startsWith('web'))).toContain(' 8080→80,127.0.0.1:20001→53/udp')
    expect(lines.find((line) => line.startsWith('many'))).toContain(' 21→1,22→2 and 2 more')
    expect(lines.find((line) => line.startsWith('plain'))).toMatch(/ - +Queued$/)
    const [all] = JSON.parse((await cli(['status', '--json', 'web'], { env: env() })).stdout)
    expect(all.ports).toEqual([
      { target: 80, host: 8080, protocol: 'tcp', address: null },
      { target: 53, host: 20_001, protocol: 'udp', address: '127.0.0.1' },
    ])
    expect(JSON.parse((await cli(['status', '--json', 'plain'], { env: env() })).stdout)[0].ports).toEqual([])
  })

  test('stands in explain, now and of each attempt; before that, what was asked for', () => {
    const spec = { driver: 'docker', image: 'x', ports: [{ target: 80, host: 8080 }, { target: 53 }] }
    const attempts = [
      { attempt: 1, nodeId: 'n1', scheduledAtMs: 0, endedAtMs: 1, ports },
      { attempt: 2, nodeId: 'n1', scheduledAtMs: 1 },
    ]
    const about = (task: Partial<TaskView>, tried: typeof attempts = []) =>
      explanationLines(
        {
          ...{ type: 'Explanation', req: 1, spec, decision: null, events: [], timers: [] },
          ...{ task: { ...freshTask('abc'), ...task }, attempts: tried },
        },
        0,
      )
    expect(about({})).toContain('Ports:       8080→80, any→53')
    const running = about({ state: 'Running', ports }, attempts)
    expect(running).toContain('Ports:       8080→80, 127.0.0.1:20001→53/udp')
    expect(running.find((line) => /ATTEMPT +NODE/.test(line))).toMatch(/NODE +PORTS +SCHEDULED/)
    expect(running.join('\n')).toMatch(/1 +n1 +8080→80,127.0.0.1:20001→53\/udp +1970/)
    expect(about({}, [attempts[1] as (typeof attempts)[0]]).join()).not.toContain('PORTS')
  })

  test('is counted by node, where any has some', async () => {
    const amount = { cpus: 4, memoryBytes: 2 ** 33 }
    const node: NodeView = {
      ...{ id: 'n1', name: 'one', state: 'Ready', draining: false, offered: amount, reserved: amount },
      ...{
        tasks: 1,
        labels: {},
        drivers: { docker: 'complete' },
        portRange: { from: 20_000, to: 32_767 },
        portsHeld: 0,
      },
    }
    manager.nodes.splice(0, 1, node)
    expect((await cli(['node'], { env: env() })).stdout).not.toContain('PORTS')
    manager.nodes.push({ ...node, id: 'n2', name: 'two', portsHeld: 12 })
    const lines = (await cli(['node'], { env: env() })).stdout.split('\n')
    expect(lines[0]).toMatch(/TASKS +PORTS +DRIVERS/)
    expect(lines[2]).toMatch(/^two .* 12 +docker/)
  })
})
