/**
 * The one switch over what machines ask for. It is exhaustive: an effect that is added to the union and not here does
 * not compile. Timers are the host's own; everything else goes to the part of the process that owns it.
 */
import type { AttemptEffect, Effect, LifecycleEffect, SessionEffect, TimerEffect } from '../../actors/effects.ts'

type Handler<E extends { readonly type: string }> = {
  readonly [T in E['type']]: (effect: Extract<E, { type: T }>) => void
}

export interface EffectHandlers {
  readonly attempts?: Handler<AttemptEffect>
  readonly session?: Handler<SessionEffect>
  readonly lifecycle?: Handler<LifecycleEffect>
}

function owner<T>(handler: T | undefined, effect: Effect): T {
  if (handler === undefined) throw new Error(`no part of this process carries out "${effect.type}"`)
  return handler
}

export function carryOut(effect: Exclude<Effect, TimerEffect>, handlers: EffectHandlers): void {
  switch (effect.type) {
    case 'startAttempt':
      owner(handlers.attempts, effect).startAttempt(effect)
      break
    case 'stopAttempt':
      owner(handlers.attempts, effect).stopAttempt(effect)
      break
    case 'removeAttempt':
      owner(handlers.attempts, effect).removeAttempt(effect)
      break
    case 'dial':
      owner(handlers.session, effect).dial(effect)
      break
    case 'greet':
      owner(handlers.session, effect).greet(effect)
      break
    case 'hangUp':
      owner(handlers.session, effect).hangUp(effect)
      break
    case 'recover':
      owner(handlers.lifecycle, effect).recover(effect)
      break
    case 'open':
      owner(handlers.lifecycle, effect).open(effect)
      break
    case 'close':
      owner(handlers.lifecycle, effect).close(effect)
      break
    default:
      effect satisfies never
  }
}
