/**
 * One life of a process, from its start to its death. All that it can do to the world goes through ports that ask it
 * first, so when it is dead it is dead: its code may run on to the end of its turn, but nobody sees anything of it.
 * Throwing would do less, for hosts catch what their actions throw.
 */
import type { Clock } from '../../runtime/clock.ts'
import type { Dice } from './dice.ts'
import { firstMs, type World } from './world.ts'

/** What outlasts a life, as far as a life has to know it. */
export interface Place {
  readonly name: string
  /** Nothing in it runs before then, as after a SIGSTOP. */
  readonly pausedUntilMs: number
  /** How far its wall clock is off. */
  readonly skewMs: number
}

/** What never comes about. */
export const never = <T>(): Promise<T> => new Promise<T>(() => {})

export class Life {
  /** The place's name and which life of it: `worker-1~3`. */
  readonly name: string
  readonly dice: Dice
  readonly clock: Clock
  readonly #world: World
  readonly #place: Place
  readonly #deaths: (() => void)[] = []
  #alive = true

  constructor(world: World, place: Place, number: number) {
    this.name = `${place.name}~${number}`
    this.dice = world.dice.fork(this.name)
    this.#world = world
    this.#place = place
    this.clock = {
      nowMs: () => firstMs + place.skewMs + Math.floor(world.timeline.nowMs),
      uptimeMs: () => world.timeline.nowMs,
      setTimer: (callback, delayMs) => this.post(delayMs, callback),
    }
  }

  get alive(): boolean {
    return this.#alive
  }

  /** Runs in this process after `delayMs`: not while it is paused, and never once it is dead. */
  post(delayMs: number, run: () => void): () => void {
    const { timeline } = this.#world
    let cancel = () => {}
    if (!this.#alive) return cancel
    const due = () => {
      if (!this.#alive) return
      const pauseMs = this.#place.pausedUntilMs - timeline.nowMs
      if (pauseMs > 0) cancel = timeline.at(pauseMs, due)
      else run()
    }
    cancel = timeline.at(delayMs, due)
    return () => cancel()
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => this.post(delayMs, resolve))
  }

  /** Called at its death, by the world: whatever the world holds for it is let go there. */
  onDeath(bury: () => void): void {
    this.#deaths.push(bury)
  }

  kill(): void {
    if (!this.#alive) return
    this.#alive = false
    for (const bury of this.#deaths.splice(0)) bury()
  }
}
