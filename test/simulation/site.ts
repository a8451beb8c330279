/**
 * A place where one process of the cluster lives, dies and is started again: what its machine's service manager would
 * do. Its disk and its engine outlast it.
 */
import type { Boundary, OnBoundary } from '../../runtime/host/boundary.ts'
import type { Logger } from '../../runtime/logger.ts'
import type { Dice } from './dice.ts'
import { Life, type Place } from './life.ts'
import type { World } from './world.ts'

/** What runs in a life. */
export interface Service {
  start(): Promise<void>
  /** In order, as on SIGTERM. */
  stop(): Promise<void>
}

export interface Boot {
  readonly life: Life
  readonly logger: Logger
  readonly onBoundary: OnBoundary
  readonly onFailure: (error: Error) => void
}

/** To die at the nth passage of a boundary, counted over all lives. */
export interface Ambush {
  readonly boundary: Boundary
  left: number
  readonly onSprung: () => void
}

export const siteTimes = {
  /** From a failure to the end of the process, in milliseconds. */
  failureMsMax: 20,
  restartMsMin: 50,
  restartMsMax: 3_000,
  /** Now and then its machine takes longer than a lease to come back, or so long that its tasks are given up. */
  longRestartsMs: [14_000, 26_000],
  longRestartChance: 0.15,
  /** How long an orderly stop may take. */
  stopMsMax: 15_000,
} as const

/** Told for good that it may not come back: no fault that is simulated gives a reason for it. */
const unexpected = (error: Error): boolean =>
  'code' in error && ['LostHistory', 'Conflict', 'Unauthorized'].includes(String(error.code))

/** What `disk-error` brings about, by the words of disk.ts. */
const causedByDisk = (error: Error): boolean => /simulated disk/.test(error.message)

export class Site implements Place {
  readonly name: string
  /** `manager`, `worker`: whose boundaries these are. */
  readonly kind: string
  readonly #world: World
  readonly #dice: Dice
  readonly #boot: (boot: Boot) => Service
  readonly #ambushes: Ambush[] = []
  /** What a passage of each is counted as. */
  readonly #passed = new Map<Boundary, string>()
  pausedUntilMs = 0
  skewMs = 0
  /** The wishes of the cluster's keeper: it is to run. */
  #wanted = false
  #lives = 0
  #bornMs = 0
  #life: Life | undefined
  #service: Service | undefined
  /** The last that was asked to stop. */
  #stopping: Life | undefined

  constructor(world: World, name: string, kind: string, boot: (boot: Boot) => Service) {
    this.#world = world
    this.name = name
    this.kind = kind
    this.#dice = world.dice.fork(`site ${name}`)
    this.#boot = boot
  }

  /** When the last of its lives began. */
  get bornMs(): number {
    return this.#bornMs
  }

  get life(): Life | undefined {
    return this.#life?.alive ? this.#life : undefined
  }

  start(): void {
    this.#wanted = true
    this.#begin()
  }

  /** Dies now, and is started again after a while: `downMs`, or as the dice have it. */
  crash(why: string, downMs = this.#restartMs()): void {
    const life = this.life
    if (life === undefined) return
    this.#world.trace(life.name, `dies: ${why}`)
    life.kill()
    this.#service = undefined
    if (!this.#wanted) return
    this.#world.timeline.at(downMs, () => this.#begin())
  }

  #restartMs(): number {
    const { restartMsMin, restartMsMax, longRestartsMs, longRestartChance } = siteTimes
    const isLong = this.#dice.chance(longRestartChance)
    return isLong ? this.#dice.pick(longRestartsMs) : this.#dice.between(restartMsMin, restartMsMax)
  }

  /** Asked to end in order, and started again. One that does not end in time is killed. */
  stop(): void {
    const life = this.life
    const service = this.#service
    if (life === undefined || service === undefined) return
    this.#world.trace(life.name, 'is asked to stop')
    this.#stopping = life
    const ended = (why: string) => {
      if (this.#life === life && life.alive) this.crash(why)
    }
    service.stop().then(
      () => {
        if (life.alive) this.#world.sometimes(`a ${this.kind} stopped in order`)
        ended('it has stopped')
      },
      (error: Error) => ended(`it could not stop: ${error.message}`),
    )
    this.#limitStop(life, () => ended('it was killed, for it did not stop'))
  }

  /** The time in which a process stands still does not count. */
  #limitStop(life: Life, kill: () => void): void {
    const sinceMs = this.#world.timeline.nowMs
    life.post(siteTimes.stopMsMax, () => {
      if (this.pausedUntilMs > sinceMs) {
        this.#limitStop(life, kill)
        return
      }
      if (this.#life === life) this.#world.violated('a stop is bounded', `${life.name} did not stop`)
      kill()
    })
  }

  /** Ends for good. */
  end(): void {
    this.#wanted = false
    this.crash('the run is over')
  }

  ambush(boundary: Boundary, nth: number, onSprung: () => void = () => {}): void {
    this.#ambushes.push({ boundary, left: nth, onSprung })
  }

  /** Nobody waits for it any more. */
  disarm(): void {
    this.#ambushes.length = 0
  }

  #begin(): void {
    if (!this.#wanted || this.life !== undefined) return
    this.#lives += 1
    this.#bornMs = this.#world.timeline.nowMs
    const life = new Life(this.#world, this, this.#lives)
    this.#life = life
    this.#world.trace(life.name, 'starts')
    const fail = (error: Error) => {
      if (!life.alive) return
      this.#world.trace(life.name, `fails: ${error.message}`)
      if (this.#stopping === life && !causedByDisk(error)) {
        this.#world.violated('an orderly stop is no failure', `${life.name}: ${error.message}`)
      }
      if (unexpected(error)) this.#world.violated('a worker is not turned away', `${life.name}: ${error.message}`)
      life.post(this.#dice.between(0, siteTimes.failureMsMax), () => this.crash(error.message))
    }
    const service = this.#boot({
      life,
      logger: this.#logger(life),
      onBoundary: (boundary) => this.#pass(life, boundary),
      onFailure: fail,
    })
    this.#service = service
    service.start().catch(fail)
  }

  #pass(life: Life, boundary: Boundary): void {
    if (!life.alive) return
    this.#world.count(this.#passed.get(boundary) ?? this.#nameOf(boundary))
    for (const ambush of this.#ambushes) {
      if (ambush.boundary !== boundary) continue
      ambush.left -= 1
      if (ambush.left !== 0) continue
      this.#world.count(`crash ${this.kind} ${boundary}`)
      ambush.onSprung()
      this.crash(`at ${boundary}`)
      return
    }
  }

  #nameOf(boundary: Boundary): string {
    const name = `passed ${this.kind} ${boundary}`
    this.#passed.set(boundary, name)
    return name
  }

  #logger(life: Life): Logger {
    const say = (level: string) => (message: string, fields?: Record<string, unknown>) => {
      if (!life.alive) return
      this.#world.trace(life.name, `${level}: ${message}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`)
      if (level === 'error' && /defect|threw/.test(message)) {
        this.#world.violated('no defect shows itself', `${life.name}: ${message} ${JSON.stringify(fields)}`)
      }
    }
    return { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  }
}
