/**
 * What a driver and the spawner of its folder say to each other: one JSON value per line over a unix socket. Every
 * request may be sent again after a cut. A spawner outlives its worker, so a driver may meet one of another version.
 */
import type { HeldPort, TaskSpec } from '../../../actors/model.ts'
import type { DriverScope } from '../driver.ts'
import type { AttemptEnded } from './folder.ts'

/** Raised whenever a request or an answer changes its meaning. */
export const spawnerVersion = 1

export const protocolLimits = {
  /** The longest line, in bytes: several times the largest specification. */
  lineBytesMax: 8 * 1_024 * 1_024,
} as const

/** What a task needs of its specification, and no more. */
export type ProcessSpec = Pick<TaskSpec, 'command' | 'env' | 'workdir' | 'user'>

export type SpawnerRequest =
  /** Answers with every attempt of the scope, and from then on sends each change. */
  | { readonly verb: 'watch'; readonly scope: DriverScope }
  /** Answers with the name of every attempt of the scope, also of those whose outcome is not known yet. */
  | { readonly verb: 'list'; readonly scope: DriverScope }
  /** Answers once the outcome is known; with a view if the attempt was there already. */
  | {
      readonly verb: 'start'
      readonly scope: DriverScope
      readonly name: string
      /** These two only for a spawner of an older version, which makes variables of them; now they are in `env`. */
      readonly taskId: string
      readonly attempt: number
      readonly spec: ProcessSpec
      /** What it was given, to be tried before the fork; a spawner or a driver of an older version knows of none. */
      readonly ports?: readonly HeldPort[]
    }
  | { readonly verb: 'stop'; readonly scope: DriverScope; readonly name: string; readonly graceMs: number }
  | { readonly verb: 'remove'; readonly scope: DriverScope; readonly name: string }

/** An attempt as the spawner knows it: running, or ended if `end` is there. */
export interface AttemptSeen {
  readonly name: string
  readonly startedAtMs?: number
  readonly end?: AttemptEnded
}

export type SpawnerAnswer = { readonly views: readonly AttemptSeen[] } | { readonly error: string }

export type FromSpawner =
  /** The first line on every connection. */
  | { readonly type: 'greeting'; readonly version: number; readonly pid: number }
  | { readonly type: 'answer'; readonly id: number; readonly answer: SpawnerAnswer }
  | { readonly type: 'seen'; readonly view: AttemptSeen }

export type ToSpawner = { readonly id: number; readonly request: SpawnerRequest }

/** Cuts a stream of bytes into lines and hands on each as the JSON value it is; throws at a line that is too long. */
export function createLineReader(onValue: (value: unknown) => void): (bytes: Buffer) => void {
  let parts: Buffer[] = []
  let held = 0
  return (bytes) => {
    let rest = bytes
    for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
      const line = Buffer.concat([...parts, rest.subarray(0, at)])
      parts = []
      held = 0
      rest = rest.subarray(at + 1)
      onValue(JSON.parse(line.toString()))
    }
    held += rest.length
    if (held > protocolLimits.lineBytesMax) throw new Error('A line is longer than lineBytesMax.')
    if (rest.length > 0) parts.push(rest)
  }
}

export const toLine = (value: FromSpawner | ToSpawner): string => `${JSON.stringify(value)}\n`
