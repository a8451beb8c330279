/** Why a start failed: the engine's answers told apart, with its own sentence, cleaned. */
import type { StartFailureCode } from '../../../actors/model.ts'
import { EngineError } from './engine.ts'

/** The longest sentence that is passed on, in characters. */
const messageCharsMax = 1_000

/** Thrown where a start ends; the driver tells it as `StartFailed`. */
export class StartFailure extends Error {
  readonly code: StartFailureCode
  readonly retryable: boolean

  constructor(code: StartFailureCode, retryable: boolean, message: string) {
    super(message.length > messageCharsMax ? `${message.slice(0, messageCharsMax - 1)}…` : message)
    this.name = 'StartFailure'
    this.code = code
    this.retryable = retryable
  }
}

export const stoppedBeforeStart = (): StartFailure =>
  new StartFailure('start-failed', true, 'It was stopped before it started.')

export const engineUnreachable = (error: EngineError): StartFailure =>
  new StartFailure('engine-unreachable', true, `${sentence(error.message)} It was not started.`)

/** The engine was silent after it had been asked to start it, and shows nothing of it since. */
export function unseenStart(error: EngineError): StartFailure {
  const code = error.kind === 'deadline' ? 'start-timeout' : 'engine-unreachable'
  const known = 'It was not seen to run, but may have: an engine that is killed during a start can forget it.'
  return new StartFailure(code, true, `${sentence(error.message)} ${known}`)
}

interface Rule {
  readonly pattern: RegExp
  readonly code: StartFailureCode
  readonly retryable: boolean
  readonly lead: string
}

/** The first that fits wins. The patterns cover Docker 20.10 to 28, whose wording differs only in its prefixes. */
const rules: readonly Rule[] = [
  {
    pattern: /invalid reference format|repository name must|invalid repository name|invalid checksum digest/i,
    code: 'bad-reference',
    retryable: false,
    lead: 'The image reference is not valid',
  },
  {
    pattern: /no such image|manifest unknown|manifest for .* not found|pull access denied|repository .* not found/i,
    code: 'no-such-image',
    retryable: false,
    lead: 'There is no such image',
  },
  {
    pattern: /unable to find (user|group)|no matching entries in (passwd|group) file|uids and gids must be/i,
    code: 'no-such-user',
    retryable: false,
    lead: 'There is no such user or group in the image',
  },
  {
    pattern: /working directory|cannot mkdir|chdir to cwd|mkdir .*: (not a directory|file exists)/i,
    code: 'bad-workdir',
    retryable: false,
    lead: 'The working directory cannot be used',
  },
  {
    pattern: /exec: .*(permission denied|is a directory)|exec format error|exec .* failed: (Permission|Exec format)/i,
    code: 'not-executable',
    retryable: false,
    lead: 'The command cannot be executed',
  },
  {
    pattern:
      /no command specified|executable file not found|exec: .*no such file or directory|exec .* failed: No such/i,
    code: 'no-such-command',
    retryable: false,
    lead: 'There is no such command in the image',
  },
  {
    pattern: /port is already allocated|address already in use|ports are not available/i,
    code: 'port-taken',
    retryable: true,
    lead: 'A port is taken',
  },
  {
    pattern: /network .* not found|bind source path does not exist|invalid mount config/i,
    code: 'bad-spec',
    retryable: false,
    lead: 'The engine refuses the specification',
  },
]

/** The failure behind a refusal of the engine: `status` is its HTTP status, or 0 for its sentence alone. */
export function failureOf(message: string, status = 0): StartFailure {
  const text = clean(message)
  const rule = rules.find(({ pattern }) => pattern.test(text))
  if (rule) return new StartFailure(rule.code, rule.retryable, `${rule.lead}: ${sentence(text)}`)
  if (status === 400)
    return new StartFailure('bad-spec', false, `The engine refuses the specification: ${sentence(text)}`)
  return new StartFailure('start-failed', true, `The engine could not start it: ${sentence(text)}`)
}

/** Any error of a start's way as a failure; undefined for what is a defect of ours. */
export function toStartFailure(error: unknown): StartFailure | undefined {
  if (error instanceof StartFailure) return error
  if (!(error instanceof EngineError)) return undefined
  if (error.kind === 'refused') return failureOf(error.message, error.status)
  if (error.kind === 'aborted') return stoppedBeforeStart()
  if (error.kind === 'deadline')
    return new StartFailure('start-timeout', true, `${sentence(error.message)} It was not started.`)
  return engineUnreachable(error)
}

/** Takes away what only names the layers that a message passed through. */
export function clean(message: string): string {
  return message
    .replace(/^(Error response from daemon: )/, '')
    .replace(
      /\b(failed to create (shim task|task for container)|OCI runtime create failed|runc create failed|container_linux\.go:\d+|starting container process caused|unable to start container process|error during container init|driver failed programming external connectivity on endpoint \S+( \(\w+\))?): /g,
      '',
    )
    .replace(/(: unknown)+\s*$/, '')
    .trim()
}

/** With a full stop. */
export const sentence = (text: string): string => (/[.!?…]$/.test(text.trim()) ? text.trim() : `${text.trim()}.`)
