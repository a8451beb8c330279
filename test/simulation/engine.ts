/**
 * A simulated container engine: one for each machine, and as with a real one its containers know nothing of the worker
 * that asked for them and outlive it. It is the truth that everything else is checked against.
 */
import { type AttemptKey, attemptName, type Resources, reservationOf, type TaskSpec } from '../../actors/model.ts'
import type { DriverScope } from '../../runtime/drivers/driver.ts'
import type { Dice } from './dice.ts'
import { type Script, scriptOf } from './script.ts'
import type { World } from './world.ts'

export interface Container {
  readonly key: AttemptKey
  readonly scope: DriverScope
  readonly script: Script
  readonly spec: TaskSpec
  readonly reserved: Resources
  phase: 'created' | 'running' | 'ended'
  startedAtMs?: number
  endedAtMs?: number
  exitCode?: number
  signal?: string
  /** It was killed by somebody else than its worker. */
  isMeddledWith?: boolean
}

/** What engines tell those who check them. */
export interface EngineObserver {
  onStart(engine: Engine, container: Container): void
  onEnd(engine: Engine, container: Container): void
  onRemove(engine: Engine, container: Container): void
  onLost(engine: Engine, container: Container): void
  onChecked(engine: Engine, container: Container, isWell: boolean): void
}

/** How long a container takes to end on a TERM that it heeds, in milliseconds. */
const termMsMax = 300
/** 128 + 15 and 128 + 9. */
const exitCodes = { TERM: 143, KILL: 137 } as const

export class EngineAway extends Error {
  override readonly name = 'EngineAway'
}

export class Engine {
  readonly name: string
  readonly containers = new Map<string, Container>()
  /** Told of everything, as long as the engine can be asked. */
  readonly watchers = new Set<(container: Container | undefined) => void>()
  readonly #world: World
  readonly #dice: Dice
  readonly #observer: EngineObserver
  readonly #timers = new Map<string, () => void>()
  #away = false

  constructor(world: World, name: string, observer: EngineObserver) {
    this.#world = world
    this.name = name
    this.#dice = world.dice.fork(`engine of ${name}`)
    this.#observer = observer
  }

  get isAway(): boolean {
    return this.#away
  }

  /** It cannot be asked, or can again; its containers run on. */
  setAway(away: boolean): void {
    if (this.#away === away) return
    this.#away = away
    this.#world.trace(this.name, away ? 'engine is away' : 'engine is back')
    for (const tell of this.watchers) tell(undefined)
  }

  find(scope: DriverScope, key: AttemptKey): Container | undefined {
    return this.containers.get(nameOf(scope, key))
  }

  list(scope: DriverScope): Container[] {
    return [...this.containers.values()].filter(
      (one) => one.scope.clusterId === scope.clusterId && one.scope.nodeId === scope.nodeId,
    )
  }

  /** Makes it, unless there is one of that name already: the engine's own promise, and the base of all adoption. */
  create(scope: DriverScope, key: AttemptKey, spec: TaskSpec): Container {
    const known = this.find(scope, key)
    if (known !== undefined) return known
    const container: Container = {
      key,
      scope,
      script: scriptOf(spec.command),
      spec,
      reserved: reservationOf(spec),
      phase: 'created',
    }
    this.containers.set(nameOf(scope, key), container)
    this.#world.trace(this.name, `created ${attemptName(key)}`)
    return container
  }

  /** One that was started already stays as it is, unless `again` says that this engine is broken. */
  start(container: Container, again = false): void {
    if (container.phase !== 'created' && !again) return
    container.phase = 'running'
    container.startedAtMs = this.#world.timeline.nowMs
    this.#world.trace(this.name, `started ${attemptName(container.key)}`)
    this.#endAfter(container, container.script.afterMs, container.script.exitCode)
    this.#observer.onStart(this, container)
    this.#tell(container)
  }

  signal(container: Container, signal: 'TERM' | 'KILL'): void {
    if (container.phase !== 'running') return
    this.#world.trace(this.name, `${signal} to ${attemptName(container.key)}`)
    if (signal === 'TERM' && container.script.stubborn) return
    const delayMs = signal === 'TERM' ? this.#dice.between(1, termMsMax) : 0
    this.#endAfter(container, delayMs, exitCodes[signal], `SIG${signal}`)
  }

  remove(container: Container): void {
    if (!this.containers.delete(nameOf(container.scope, container.key))) return
    this.#timers.get(nameOf(container.scope, container.key))?.()
    this.#world.trace(this.name, `removed ${attemptName(container.key)}, ${container.phase}`)
    this.#observer.onRemove(this, container)
  }

  /** What a health check finds in it now. */
  check(container: Container): boolean {
    const { sickAfterMs, sickForMs } = container.script
    const ageMs = this.#world.timeline.nowMs - (container.startedAtMs ?? 0)
    const isWell = ageMs < sickAfterMs || ageMs >= sickAfterMs + sickForMs
    this.#observer.onChecked(this, container, isWell)
    return isWell
  }

  /** Somebody kills one that runs. False if none does. */
  killAny(): boolean {
    const container = this.#anyRunning()
    if (container === undefined) return false
    container.isMeddledWith = true
    this.#world.trace(this.name, `somebody kills ${attemptName(container.key)}`)
    this.#endAfter(container, 0, exitCodes.KILL, 'SIGKILL')
    return true
  }

  /** One that runs is gone, and nobody is told. False if none does. */
  loseAny(): boolean {
    const container = this.#anyRunning()
    if (container === undefined) return false
    const name = nameOf(container.scope, container.key)
    this.#timers.get(name)?.()
    this.containers.delete(name)
    this.#world.trace(this.name, `engine loses ${attemptName(container.key)}`)
    this.#observer.onLost(this, container)
    return true
  }

  #anyRunning(): Container | undefined {
    const running = [...this.containers.values()].filter(({ phase }) => phase === 'running')
    return running.length === 0 ? undefined : this.#dice.pick(running)
  }

  #endAfter(container: Container, delayMs: number, exitCode: number, signal?: string): void {
    const name = nameOf(container.scope, container.key)
    this.#timers.get(name)?.()
    const end = () => {
      container.phase = 'ended'
      container.endedAtMs = this.#world.timeline.nowMs
      container.exitCode = exitCode
      if (signal !== undefined) container.signal = signal
      this.#world.trace(this.name, `${attemptName(container.key)} ended with ${exitCode}`)
      this.#observer.onEnd(this, container)
      this.#tell(container)
    }
    this.#timers.set(name, this.#world.timeline.at(delayMs, end))
  }

  #tell(container: Container): void {
    if (this.#away) return
    for (const tell of this.watchers) tell(container)
  }
}

const nameOf = (scope: DriverScope, key: AttemptKey): string =>
  `troupe-${scope.clusterId}-${scope.nodeId}-${attemptName(key)}`
