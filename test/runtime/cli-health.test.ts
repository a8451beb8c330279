/** Health checks in the words of the command line: flags, task files, and what came of them. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Health, HealthCheck } from '../../actors/health.ts'
import { eventText } from '../../runtime/cli/event-line.ts'
import { healthText } from '../../runtime/cli/health-flags.ts'
import { parseTaskFile } from '../../runtime/cli/task-file.ts'
import { taskJson } from '../../runtime/cli/task-row.ts'
import { cli } from './cli-rig.ts'
import { FakeManager, freshTask, token } from './client-manager.ts'

let manager: FakeManager
beforeEach(async () => {
  manager = await FakeManager.start()
})
afterEach(() => manager.close())

const run = (...flags: string[]) =>
  cli(['run', '-d', ...flags, 'web'], { env: { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token } })

const ill: Health = { seq: 2, state: 'unhealthy', atMs: 60_000, failures: 2, detail: 'GET / answered 500' }

describe('flags', () => {
  test.each<[string[], HealthCheck]>([
    [['--health-http', '80'], { kind: 'http', port: 80 }],
    [['--health-http', '8080/ready?deep=1'], { kind: 'http', port: 8080, path: '/ready?deep=1' }],
    [['--health-tcp', '5432'], { kind: 'tcp', port: 5432 }],
    [['--health-cmd', 'pg_isready -q'], { kind: 'command', command: ['/bin/sh', '-c', 'pg_isready -q'] }],
    [['--health-container'], { kind: 'container' }],
    [
      [
        ...['--health-tcp', '1', '--health-interval', '500ms', '--health-timeout', '2s', '--health-retries', '5'],
        ...['--health-start-period', '1m'],
      ],
      { kind: 'tcp', port: 1, intervalMs: 500, timeoutMs: 2_000, retries: 5, startPeriodMs: 60_000 },
    ],
  ])('%j', async (flags, check) => {
    const { code, stdout, stderr } = await run(...flags)
    expect(code, stderr).toBe(0)
    expect(manager.specs.get(stdout.trim())).toEqual({ driver: 'docker', image: 'web', health: check })
  })

  test.each<[string[], RegExp]>([
    [['--health-http', 'ready'], /"ready" is no port/],
    [['--health-tcp', '70000'], /"70000" is no port/],
    [['--health-tcp', '1', '--health-cmd', 'true'], /has one health check/],
    [['--health-interval', '1s'], /no health check to time/],
    [['--health-tcp', '1', '--health-retries', '0'], /--health-retries must be/],
    [['--health-tcp', '1', '--health-interval', '1ms'], /--health-interval must be/],
    [['--health-http', '80/a b'], /--health-http/],
  ])('%j is refused', async (flags, words) => {
    const { code, stderr } = await run(...flags)
    expect(code).toBe(2)
    expect(stderr).toMatch(words)
  })
})

describe('a task file', () => {
  test('takes a check with its times in the words of people', () => {
    const text = 'image: web\nhealth: {kind: http, port: 80, interval: 2s, timeout: 500ms, startPeriod: 1m, retries: 4}'
    const health = { kind: 'http', port: 80, intervalMs: 2_000, timeoutMs: 500, startPeriodMs: 60_000, retries: 4 }
    expect(parseTaskFile(text, 'web.yaml').spec.health).toEqual(health)
  })

  test.each([
    ['health:\n  kind: ftp', /web.yaml:3: "health.kind" must be/],
    ['health:\n  kind: tcp\n  prot: 1', /web.yaml:4: .*did you mean "port"/],
    ['health:\n  kind: tcp\n  port: 1\n  interval: 1', /web.yaml:5: .*unit/],
  ])('%j is refused', (text, words) => {
    expect(() => parseTaskFile(`image: web\n${text}`, 'web.yaml')).toThrow(words)
  })
})

describe('what came of it', () => {
  test('in explain: how it is since when, and what is checked', () => {
    const check: HealthCheck = { kind: 'http', port: 80, path: '/ready' }
    expect(healthText(undefined, undefined, 0)).toBeUndefined()
    expect(healthText(check, undefined, 0)).toBe('http 80/ready every 10s')
    expect(healthText(check, ill, 72_000)).toBe(
      'unhealthy for 12s, failed 2 of 3 times: GET / answered 500 (http 80/ready every 10s)',
    )
  })

  test('in status --json, and in the line of an event', () => {
    const task = { ...freshTask('abc'), health: ill }
    const since = '1970-01-01T00:01:00.000Z'
    expect(taskJson(task).health).toEqual({ state: 'unhealthy', failures: 2, detail: ill.detail, since })
    expect(taskJson(freshTask('abc')).health).toBeNull()
    const event = { type: 'HealthChanged', health: ill }
    const line = eventText({
      revision: 1,
      taskId: 'abc',
      atMs: 1,
      event,
      from: 'Running.Up',
      to: 'Running.Unhealthy',
      attempt: 1,
    })
    expect(line).toBe('Running → Running.Unhealthy  HealthChanged (GET / answered 500)  attempt 1')
  })
})
