/** Ports in the words of the command line: what `--port` takes, and how they are shown. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Port } from '../../actors/model.ts'
import { parsePortMapping, parsePortRange } from '../../runtime/cli/port.ts'
import { parseTaskFile } from '../../runtime/cli/task-file.ts'
import { cli } from './cli-rig.ts'
import { FakeManager, token } from './client-manager.ts'

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
