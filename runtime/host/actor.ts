/**
 * The host of actors: step, store, act.
 *
 *   event ─▶ mailbox ─▶ step ─▶ { record, timers, log } ─▶ journal ─▶ flush ─▶ effects, replies, news
 *                        ▲                │
 *                        └── tell ────────┘  in the same turn and the same unit
 *
 * Nothing that a step asks for happens before the flush that carries the step.
 */
import type { AnyMachineSnapshot } from 'xstate'
import type { Effect } from '../../actors/effects.ts'
import { initialStep, pathOf, type Step, step, takes } from '../../actors/step.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { Random } from '../random.ts'
import type { OnBoundary } from './boundary.ts'
import { carryOut, type EffectHandlers } from './effects.ts'
import { type Journal, journalLimits } from './journal.ts'
import { type Kind, type KindName, kinds } from './kinds.ts'
import type { LoadedRecord } from './load.ts'
import { type Letter, Mailboxes } from './mailbox.ts'
import { actorRecord, encodeRecord } from './record.ts'
import { Timers, type TimersOwner } from './timers.ts'
import { Turn } from './turn.ts'

/** An actor as its host holds it. */
export interface HostedActor {
  /** Its key in the store as well. */
  readonly address: string
  readonly kind: KindName
  snapshot: AnyMachineSnapshot
  /** Of its newest change. */
  revision: number
  readonly timers: Timers
  /** Since when it is in the state that it is in; undefined: since before this process. */
  sinceMs: number | undefined
}

/** One step that changed something, told within its turn, before it is durable. */
export interface Stepped {
  readonly actor: HostedActor
  /** Undefined for its first. */
  readonly before: AnyMachineSnapshot | undefined
  readonly event: { readonly type: string }
  readonly from: string
  readonly to: string
}

/** Watches every step that changes something. It must not throw. */
export interface StepObserver {
  /** Within the turn, before the step is durable: what is told of it goes to `turn.afterwards`. */
  stepped(stepped: Stepped, turn: Turn): void
}

export interface ActorHostOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly onBoundary: OnBoundary
  readonly handlers: EffectHandlers
  /** Keeps what is derived up to date, writes the log, tells neighbours; all of it joins the turn. */
  readonly onStep: (stepped: Stepped, turn: Turn) => void
  /** All that was told in this turn has been taken; may tell more (place what waits, for instance). */
  readonly onQuiet: (turn: Turn) => void
  /** The actor is final and durable, and is let go. */
  readonly onFinal: (actor: HostedActor) => void
}

/** What one more step may add to a unit: its record, its log entries, what is made with it. */
const unitOpsSpare = 8

/** An event that changes no state, and is therefore not stored. */
const recovered = 'Recovered'

/** A step, and whether it is the machine's own or what became of an actor whose machine threw. */
type Taken = Step & { readonly threw?: boolean }

export class ActorHost {
  readonly actors = new Map<string, HostedActor>()
  /** Events that fitted no transition that was open: repeats, mostly. */
  redundant = 0
  /** Undefined while nobody watches: a step then costs this test and no more. */
  observer: StepObserver | undefined
  readonly #options: ActorHostOptions
  readonly #mailboxes = new Mailboxes()
  readonly #timersOwner: TimersOwner
  #draining = false
  #turning = false
  /** Whether the turn that is being made has stepped anything yet. */
  #hasStepped = false

  constructor(options: ActorHostOptions) {
    this.#options = options
    const fire: TimersOwner['fire'] = (address, timer) => this.#put({ address, event: timer.event, timer })
    this.#timersOwner = { clock: options.clock, fire }
  }

  /** Takes a stored actor in. Tell it `Recovered` next: its machine learns of it, and then its timers run again. */
  adopt(address: string, kind: KindName, snapshot: AnyMachineSnapshot, record: LoadedRecord): HostedActor {
    const actor = this.#hold(address, kind, snapshot)
    actor.revision = record.revision
    actor.timers.load(record.timers)
    return actor
  }

  /** Tells it `Recovered`, unless that would change nothing where it stands: then its timers run again at once. */
  recover(actor: HostedActor): void {
    if (takes(actor.snapshot, recovered)) this.tell(actor.address, { type: recovered })
    else actor.timers.rearm()
  }

  /**
   * Puts an event into an actor's mailbox. An actor that is gone takes nothing. Never refused: who tells is a timer, a
   * driver or a connection, none of which could tell it again. When the mailbox is full all that waits is stepped first.
   */
  tell(address: string, event: { readonly type: string }): void {
    this.#put({ address, event })
  }

  #put(letter: Letter): void {
    // Not within a turn, which steps what it is told itself.
    if (!this.#turning && this.#mailboxes.isFull(letter.address)) this.#drain()
    this.#mailboxes.put(letter)
    if (this.#draining) return
    this.#draining = true
    queueMicrotask(() => this.#drain())
  }

  /** Runs a turn of its own: `body` creates and tells, what follows is stepped, and it is committed as one unit. */
  run<T>(body: (turn: Turn) => T): T {
    if (this.#turning) throw new Error('a turn within a turn; tell the actor instead')
    this.#turning = true
    this.#hasStepped = false
    try {
      const turn = this.#newTurn()
      const result = body(turn)
      this.#finish(turn)
      return result
    } catch (error) {
      // Memory is ahead of the disk now, and there is no way back to where they agreed but to start again.
      if (this.#hasStepped) this.#options.journal.abandon(error as Error)
      throw error
    } finally {
      this.#turning = false
    }
  }

  /** A new actor, in this turn. Throws if its address is taken. */
  create(turn: Turn, address: string, kind: KindName, input: unknown): HostedActor {
    if (this.actors.has(address)) throw new Error(`${address} is taken`)
    const first = initialStep(kinds[kind].machine, input)
    const actor = this.#hold(address, kind, first.snapshot)
    this.#hasStepped = true
    this.#stepped(turn, actor, undefined, { type: 'Created' }, first)
    return actor
  }

  #hold(address: string, kind: KindName, snapshot: AnyMachineSnapshot): HostedActor {
    const timers = new Timers(this.#timersOwner, address)
    const actor: HostedActor = { address, kind, snapshot, revision: 0, timers, sinceMs: undefined }
    this.actors.set(address, actor)
    return actor
  }

  #newTurn(): Turn {
    return new Turn(this.#options.clock.nowMs(), () => this.#options.journal.nextRevision())
  }

  /** What one actor is told in one go is one cause: that an attempt has started, and ended, say. */
  #drain(): void {
    this.#draining = false
    for (let letter = this.#mailboxes.take(); letter !== undefined; letter = this.#mailboxes.take()) {
      const letters = [letter]
      while (this.#mailboxes.next?.address === letter.address) letters.push(this.#mailboxes.take() as Letter)
      this.run((turn) => turn.letters.push(...letters))
    }
  }

  /** Steps whatever the turn told, then closes its unit. A turn that grows too large goes on in a next unit, in order. */
  #finish(turn: Turn): void {
    let current = turn
    let at = 0
    for (;;) {
      if (at === current.letters.length) this.#options.onQuiet(current)
      const letter = current.letters[at]
      if (letter === undefined) break
      at += 1
      this.#deliver(current, letter)
      if (current.ops.length + current.dirty.size < journalLimits.unitOpsMax - unitOpsSpare) continue
      const next = this.#newTurn()
      next.letters.push(...current.letters.slice(at))
      next.closing.push(...current.closing.splice(0))
      this.#commit(current)
      current = next
      at = 0
    }
    this.#commit(current, current.closing)
  }

  #commit(turn: Turn, closing: readonly (() => void)[] = []): void {
    for (const address of turn.dirty) this.#write(turn, address)
    turn.actions.push(...closing)
    if (turn.ops.length + turn.actions.length > 0) this.#options.journal.commit(turn)
  }

  #write(turn: Turn, address: string): void {
    const actor = this.actors.get(address)
    if (actor === undefined) return
    const kind = kinds[actor.kind]
    actor.revision = turn.revision()
    const isFinal = actor.snapshot.status !== 'active'
    if (isFinal) {
      this.actors.delete(address)
      turn.afterwards(() => this.#options.onFinal(actor))
    }
    if (isFinal && kind.deletesFinal) {
      // What comes back with a crash has ended, and comes to this again.
      turn.drop(address)
      return
    }
    const timers = actor.timers.stored()
    turn.put(address, encodeRecord(actorRecord(kind.machine.id, kind.version, actor.revision, actor.snapshot, timers)))
  }

  #deliver(turn: Turn, letter: Letter): void {
    const actor = this.actors.get(letter.address)
    const isCalledOff = letter.timer !== undefined && actor?.timers.take(letter.timer) === false
    if (actor === undefined || isCalledOff) {
      this.redundant += 1
      return
    }
    const before = actor.snapshot
    const result = this.#step(actor, letter.event, turn.atMs)
    // In this order: a wait that belongs to a lease of before the crash is called off, and must not fire first.
    if (letter.event.type === recovered) turn.afterwards(() => actor.timers.rearm())
    if (!result.changed) {
      this.redundant += 1
      return
    }
    this.#hasStepped = true
    actor.snapshot = result.snapshot
    this.#stepped(turn, actor, before, letter.event, result)
  }

  #step(actor: HostedActor, event: { readonly type: string }, atMs: number): Taken {
    const kind: Kind = kinds[actor.kind]
    try {
      // Not a spread, which is four times slower where events are of many shapes.
      const stamped = Object.assign({}, event, { atMs, roll: this.#options.random.roll() })
      return step(kind.machine, actor.snapshot, stamped)
    } catch (error) {
      const reason = (error as Error).message
      this.#options.logger.error(`the machine of ${actor.address} threw at ${event.type}`, { reason })
      return { snapshot: kind.fail(actor.snapshot, reason, atMs), effects: [], changed: true, threw: true }
    }
  }

  #stepped(
    turn: Turn,
    actor: HostedActor,
    before: AnyMachineSnapshot | undefined,
    event: { readonly type: string },
    result: Taken,
  ): void {
    const to = pathOf(result.snapshot.value)
    const from = before === undefined ? '' : pathOf(before.value)
    for (const effect of result.effects) this.#effect(turn, actor, effect)
    if (result.snapshot.status !== 'active') actor.timers.cancelAll()
    const changesState = event.type !== recovered || result.threw === true
    const isKept = changesState && kinds[actor.kind].keeps(before, result.snapshot)
    if (isKept) turn.dirty.add(actor.address)
    if (from !== to) actor.sinceMs = turn.atMs
    const stepped: Stepped = { actor, before, event, from, to }
    this.#options.onStep(stepped, turn)
    if (this.observer !== undefined) this.observer.stepped(stepped, turn)
  }

  #effect(turn: Turn, actor: HostedActor, effect: Effect): void {
    if (effect.type === 'schedule') {
      turn.afterwards(actor.timers.record(effect.id, effect.event, effect.delayMs))
    } else if (effect.type === 'cancel') {
      actor.timers.cancel(effect.id)
    } else {
      const { onBoundary, handlers } = this.#options
      turn.afterwards(() => {
        onBoundary(`before:${effect.type}`)
        carryOut(effect, handlers)
        onBoundary(`after:${effect.type}`)
      })
    }
  }
}
