/**
 * XState's own live actor as the oracle for `step`: the same machine, started, with its time held by hand. It tells what was
 * executed, which timers wait, and which transitions were taken.
 */
import {
  type ActorRefFrom,
  type AnyActorRef,
  type AnyMachineSnapshot,
  type AnyStateMachine,
  createActor,
  type EventObject,
  type InspectionEvent,
} from 'xstate'
import type { Effect } from '../../actors/effects.ts'
import type { Step } from '../../actors/step.ts'

export interface WaitingTimer {
  readonly event: EventObject
  readonly delayMs: number
}

/** A clock that stands still: its timers go off when they are told to. */
class HandClock {
  readonly timeouts = new Map<number, () => void>()
  #next = 1

  setTimeout(callback: () => void, _delayMs: number): number {
    const id = this.#next
    this.#next += 1
    this.timeouts.set(id, callback)
    return id
  }

  clearTimeout(id: number): void {
    this.timeouts.delete(id)
  }
}

interface ScheduledEvent {
  readonly id: string
  readonly event: EventObject
  readonly delay: number
}

export class LiveOracle {
  readonly actor: ActorRefFrom<AnyStateMachine>
  /** What it executed since the last look, as effects. */
  #executed: Effect[] = []
  /** The transitions taken since the last look. */
  #taken: object[] = []
  /** What its observers were told, should it throw. */
  error: unknown
  readonly #clock = new HandClock()

  constructor(machine: AnyStateMachine, input: unknown) {
    this.actor = createActor(machine, {
      input,
      clock: this.#clock,
      inspect: (told: InspectionEvent) => {
        if (told.type === '@xstate.action') this.#note(told.action as { type: string; params: unknown })
        if (told.type === '@xstate.microstep') this.#taken.push(...told._transitions)
      },
    } as never)
    this.actor.subscribe({ error: (error) => (this.error = error) })
    this.actor.start()
  }

  get snapshot(): AnyMachineSnapshot {
    return this.actor.getSnapshot() as AnyMachineSnapshot
  }

  send(event: EventObject): void {
    this.actor.send(event as never)
  }

  /** Lets the timer of this id go off; its event bears the stamp that a host would give it. */
  fire(id: string, stamp: object): void {
    const system = this.actor.system as unknown as { _relay(from: unknown, to: AnyActorRef, event: object): void }
    const relay = system._relay
    system._relay = (from, to, event) => relay(from, to, { ...event, ...stamp })
    try {
      const index = Object.values(this.#scheduled()).findIndex((scheduled) => scheduled.id === id)
      const callback = [...this.#clock.timeouts.entries()][index]
      if (callback === undefined) throw new Error(`no timer ${id} waits`)
      this.#clock.timeouts.delete(callback[0])
      callback[1]()
    } finally {
      system._relay = relay
    }
  }

  /** How many timeouts its clock holds; more than `timers` has if two bear one id. */
  get timeouts(): number {
    return this.#clock.timeouts.size
  }

  timers(): Map<string, WaitingTimer> {
    const found = Object.values(this.#scheduled())
    return new Map(found.map(({ id, event, delay }) => [id, { event, delayMs: delay }] as const))
  }

  executed(): readonly Effect[] {
    const executed = this.#executed
    this.#executed = []
    return executed
  }

  taken(): readonly object[] {
    const taken = this.#taken
    this.#taken = []
    return taken
  }

  stop(): void {
    this.actor.stop()
  }

  #scheduled(): Record<string, ScheduledEvent> {
    return (this.actor.system.getSnapshot() as unknown as { _scheduledEvents: Record<string, ScheduledEvent> })
      ._scheduledEvents
  }

  #note({ type, params }: { type: string; params: unknown }): void {
    const { delay, event, id, sendId } = (params ?? {}) as Record<string, unknown>
    if (type === 'xstate.raise') {
      if (typeof delay !== 'number') return
      this.#executed.push({ type: 'schedule', id: id as string, event: event as EventObject, delayMs: delay })
    } else if (type === 'xstate.cancel') {
      this.#executed.push({ type: 'cancel', id: sendId as string })
    } else {
      this.#executed.push({ ...(params as object | undefined), type } as Effect)
    }
  }
}

/** The timers that wait after a step, by the host's rules: an actor that has ended has none. */
export function timersAfter(before: ReadonlyMap<string, WaitingTimer>, taken: Step): Map<string, WaitingTimer> {
  const timers = new Map(before)
  for (const effect of taken.effects) {
    if (effect.type === 'schedule') timers.set(effect.id, { event: effect.event, delayMs: effect.delayMs })
    if (effect.type === 'cancel') timers.delete(effect.id)
  }
  return taken.snapshot.status === 'active' ? timers : new Map()
}

/** What of a snapshot must agree. */
export const essence = ({ status, value, context, output, error }: AnyMachineSnapshot) => ({
  status,
  value,
  context,
  output,
  error,
})
