/** What a simulated container does, written in the command of its spec so that it travels as any command would. */

export interface Script {
  readonly exitCode: number
  /** How long it runs, in milliseconds. */
  readonly afterMs: number
  /** How long its image takes to come; 0 = it is there already. */
  readonly pullMs: number
  /** Deaf to TERM. */
  readonly stubborn: boolean
  /** The first so many attempts do not start. */
  readonly failingStarts: number
  /** Trying a failed start again would help. */
  readonly retryable: boolean
  /** From this age on its health check fails, in milliseconds. */
  readonly sickAfterMs: number
  /** And for so long; 0 = it is well all the while. */
  readonly sickForMs: number
}

export const plainScript: Script = {
  exitCode: 0,
  afterMs: 0,
  pullMs: 0,
  stubborn: false,
  failingStarts: 0,
  retryable: true,
  sickAfterMs: 0,
  sickForMs: 0,
}

export const commandOf = (script: Script): string[] => Object.entries(script).map(([name, value]) => `${name}=${value}`)

/** The inverse of `commandOf`. */
export function scriptOf(command: readonly string[] | undefined): Script {
  const words = new Map((command ?? []).map((word) => word.split('=') as [string, string]))
  const number = (name: keyof Script) => Number(words.get(name) ?? plainScript[name])
  const flag = (name: keyof Script) => (words.get(name) ?? String(plainScript[name])) === 'true'
  return {
    exitCode: number('exitCode'),
    afterMs: number('afterMs'),
    pullMs: number('pullMs'),
    stubborn: flag('stubborn'),
    failingStarts: number('failingStarts'),
    retryable: flag('retryable'),
    sickAfterMs: number('sickAfterMs'),
    sickForMs: number('sickForMs'),
  }
}
