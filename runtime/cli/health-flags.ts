/** The flags of a health check, and the check that comes of them. */
import { Option } from 'commander'
import type { Health, HealthCheck } from '../../actors/health.ts'
import { healthTimes } from '../../actors/health.ts'
import { parsePort } from '../../actors/port-text.ts'
import { parseWhole, parsing } from './command.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { UsageError } from './failure.ts'

type HttpPlace = Pick<HealthCheck, 'port' | 'path'>

export interface HealthFlags {
  readonly healthHttp?: HttpPlace
  readonly healthTcp?: number
  readonly healthCmd?: string
  readonly healthContainer?: boolean
  readonly healthInterval?: number
  readonly healthTimeout?: number
  readonly healthRetries?: number
  readonly healthStartPeriod?: number
}

function parsePlace(text: string): HttpPlace {
  const at = text.indexOf('/')
  if (at < 0) return { port: parsePort(text) }
  return { port: parsePort(text.slice(0, at)), path: text.slice(at) }
}

export const healthFlags: readonly Option[] = [
  new Option('--health-http <port[/path]>', 'well while a GET is answered with 200 to 399').argParser(
    parsing(parsePlace),
  ),
  new Option('--health-tcp <port>', 'well while a connection is accepted').argParser(parsing(parsePort)),
  new Option('--health-cmd <command>', 'well while this shell command, beside it, ends with 0'),
  new Option('--health-container', `docker: well while the image's own HEALTHCHECK says so`),
  new Option('--health-interval <duration>', 'between two checks (default 10s)').argParser(parsing(parseDuration)),
  new Option('--health-timeout <duration>', 'the longest a check may take (default 5s)').argParser(
    parsing(parseDuration),
  ),
  new Option('--health-retries <number>', 'so many failed checks in a row stop it (default 3)').argParser(
    parsing(parseWhole),
  ),
  new Option(
    '--health-start-period <duration>',
    'how long after its start a failed check counts for nothing (default 10s)',
  ).argParser(parsing(parseDuration)),
]

/** Which flag says a field of the check, for who got it wrong. */
export const flagOfHealth: Readonly<Record<string, string>> = {
  'health.path': '--health-http',
  'health.command': '--health-cmd',
  'health.intervalMs': '--health-interval',
  'health.timeoutMs': '--health-timeout',
  'health.retries': '--health-retries',
  'health.startPeriodMs': '--health-start-period',
}

/** Undefined: nothing is to be checked. Throws UsageError for flags that go together badly. */
export function healthOf(flags: HealthFlags): HealthCheck | undefined {
  const { healthHttp, healthTcp, healthCmd, healthContainer } = flags
  const kinds: HealthCheck[] = [
    ...(healthHttp ? [{ kind: 'http' as const, ...healthHttp }] : []),
    ...(healthTcp === undefined ? [] : [{ kind: 'tcp' as const, port: healthTcp }]),
    ...(healthCmd === undefined ? [] : [{ kind: 'command' as const, command: ['/bin/sh', '-c', healthCmd] }]),
    ...(healthContainer ? [{ kind: 'container' as const }] : []),
  ]
  const [kind, another] = kinds
  if (another) throw new UsageError('A task has one health check: keep one of the --health flags that say what it is.')
  const times = {
    ...(flags.healthInterval === undefined ? {} : { intervalMs: flags.healthInterval }),
    ...(flags.healthTimeout === undefined ? {} : { timeoutMs: flags.healthTimeout }),
    ...(flags.healthRetries === undefined ? {} : { retries: flags.healthRetries }),
    ...(flags.healthStartPeriod === undefined ? {} : { startPeriodMs: flags.healthStartPeriod }),
  }
  if (kind) return { ...kind, ...times }
  if (Object.keys(times).length === 0) return undefined
  throw new UsageError(
    'There is no health check to time: add --health-http, --health-tcp, --health-cmd or --health-container.',
  )
}

/** What is checked how often, and what came of it: for `explain`. */
export function healthText(
  check: HealthCheck | undefined,
  health: Health | undefined,
  nowMs: number,
): string | undefined {
  if (check === undefined) return undefined
  const { intervalMs, retries } = healthTimes(check)
  const place = check.port === undefined ? '' : ` ${check.port}${check.kind === 'http' ? (check.path ?? '/') : ''}`
  const what = `${check.kind}${place}${check.command ? ` ${check.command.join(' ')}` : ''} every ${formatDuration(intervalMs)}`
  if (health === undefined) return what
  const since = `${health.state} for ${formatDuration(Math.max(0, nowMs - health.atMs))}`
  const failures = health.failures > 0 ? `, failed ${health.failures} of ${retries} times` : ''
  return `${since}${failures}${health.detail ? `: ${health.detail}` : ''} (${what})`
}
