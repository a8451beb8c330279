/**
 * What machines ask their host to do, as data. The union is closed: the host's one switch over it is exhaustive, so a
 * new effect that nobody carries out does not compile.
 */
import type { AttemptKey } from './model.ts'

/** Kept with the actor's record and re-armed after a crash; carried out by the host of every actor. */
export type TimerEffect =
  | {
      readonly type: 'schedule'
      readonly id: string
      readonly event: { readonly type: string }
      readonly delayMs: number
    }
  | { readonly type: 'cancel'; readonly id: string }

/** Asked by an attempt of its worker. */
export type AttemptEffect =
  /** Start it or adopt it; the outcome comes back as an event. */
  | { readonly type: 'startAttempt'; readonly key: AttemptKey }
  | { readonly type: 'stopAttempt'; readonly key: AttemptKey; readonly graceMs: number }
  /** Remove what is left of it; `Removed` comes back. */
  | { readonly type: 'removeAttempt'; readonly key: AttemptKey }

/** Asked by a worker's session. */
export type SessionEffect = { readonly type: 'dial' } | { readonly type: 'greet' } | { readonly type: 'hangUp' }

/** Asked by a manager or a worker of the process that it lives in. */
export type LifecycleEffect = { readonly type: 'recover' } | { readonly type: 'open' } | { readonly type: 'close' }

export type Effect = TimerEffect | AttemptEffect | SessionEffect | LifecycleEffect
export type EffectType = Effect['type']

/** Every effect's name; `step.ts` refuses an action that is not among them. */
export const effectTypes: { readonly [T in EffectType]: true } = {
  schedule: true,
  cancel: true,
  startAttempt: true,
  stopAttempt: true,
  removeAttempt: true,
  dial: true,
  greet: true,
  hangUp: true,
  recover: true,
  open: true,
  close: true,
}
