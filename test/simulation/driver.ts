/** The driver of one life of a worker over its machine's simulated engine: asks with delays, adopts, forgets nothing. */
import { type AttemptKey, attemptName, type TaskSpec } from '../../actors/model.ts'
import type {
  ContainerHealth,
  Driver,
  DriverEvent,
  DriverProbe,
  DriverScope,
  ExecResult,
} from '../../runtime/drivers/driver.ts'
import { type Container, type Engine, EngineAway } from './engine.ts'
import { type Life, never } from './life.ts'
import { type Script, scriptOf } from './script.ts'
import { firstMs, type World } from './world.ts'

const driverTimes = {
  /** A request to the engine is under way for up to this long, and so is its answer, in milliseconds. */
  wayMsMax: 8,
  /** How often an engine that is away is asked again. */
  askAgainMs: 200,
} as const

/** How a driver may be broken, to see whether anybody notices. */
export interface DriverDefects {
  /** A container that runs already is not adopted: it is started again. */
  readonly startsAgain?: boolean
}

export class SimulatedDriver implements Driver {
  readonly name = 'docker'
  readonly supports = { logs: false, stats: false, exec: true }
  readonly #world: World
  readonly #engine: Engine
  readonly #life: Life
  readonly #defects: DriverDefects
  readonly #starting = new Map<string, Promise<void>>()
  readonly #kills = new Map<string, { readonly killAtMs: number; readonly cancel: () => void }>()
  #scope: DriverScope | undefined
  #listener: (event: DriverEvent) => void = () => {}
  /** When the last event was told, so that none overtakes another. */
  #toldAtMs = 0

  constructor(world: World, engine: Engine, life: Life, defects: DriverDefects = {}) {
    this.#world = world
    this.#engine = engine
    this.#life = life
    this.#defects = defects
  }

  async probe(): Promise<DriverProbe> {
    await this.#life.sleep(this.#wayMs())
    return this.#availability()
  }

  async watch(scope: DriverScope, listener: (event: DriverEvent) => void): Promise<void> {
    if (!this.#life.alive) return never()
    this.#scope = scope
    this.#listener = listener
    const onChange = (container: Container | undefined) => {
      if (container === undefined) this.#onAvailability()
      else if (container.scope.nodeId === scope.nodeId) this.#tellOf(container)
    }
    this.#engine.watchers.add(onChange)
    this.#life.onDeath(() => this.#engine.watchers.delete(onChange))
    await this.#life.sleep(this.#wayMs())
    this.#onAvailability()
    await this.#told()
  }

  start(key: AttemptKey, spec: TaskSpec, signal: AbortSignal): Promise<void> {
    const name = attemptName(key)
    const starting =
      this.#starting.get(name) ?? this.#start(key, spec, signal).finally(() => this.#starting.delete(name))
    this.#starting.set(name, starting)
    return starting
  }

  async stop(key: AttemptKey, graceMs: number): Promise<void> {
    await this.#starting.get(attemptName(key))
    const container = await this.#patiently(() => this.#engine.find(this.#bound(), key))
    if (container === undefined) return
    if (container.phase === 'created') {
      await this.#patiently(() => this.#engine.remove(container))
      this.#refuse(key, 'start-failed', 'It was stopped before it was started.', true)
      return
    }
    this.#armKill(container, graceMs)
    if (graceMs > 0) await this.#patiently(() => this.#engine.signal(container, 'TERM'))
  }

  async remove(key: AttemptKey): Promise<void> {
    await this.#ask(() => {
      const container = this.#engine.find(this.#bound(), key)
      if (container !== undefined) this.#engine.remove(container)
    })
  }

  async list(): Promise<AttemptKey[]> {
    return this.#ask(() => this.#engine.list(this.#bound()).map(({ key }) => key))
  }

  async *logs(): AsyncGenerator<never> {}

  async close(): Promise<void> {}

  /** The only command there is: a health check. */
  async exec(key: AttemptKey): Promise<ExecResult> {
    return (await this.#check(key)) ? { exitCode: 0, output: '' } : { exitCode: 1, output: 'the script has it be sick' }
  }

  async health(key: AttemptKey): Promise<ContainerHealth> {
    return { state: (await this.#check(key)) ? 'healthy' : 'unhealthy', detail: 'the script has it be sick' }
  }

  #check(key: AttemptKey): Promise<boolean> {
    return this.#ask(() => {
      const container = this.#engine.find(this.#bound(), key)
      return container?.phase === 'running' ? this.#engine.check(container) : undefined
    }).then((isWell) => {
      if (isWell === undefined) throw new Error('nothing runs that could be checked')
      return isWell
    })
  }

  async #start(key: AttemptKey, spec: TaskSpec, signal: AbortSignal): Promise<void> {
    const script = scriptOf(spec.command)
    const known = await this.#patiently(() => this.#engine.find(this.#bound(), key))
    if (known !== undefined && (known.phase !== 'created' || signal.aborted)) {
      if (this.#defects.startsAgain && known.phase === 'running') {
        await this.#patiently(() => this.#engine.start(known, true))
      }
      this.#tellOf(known)
      return this.#told()
    }
    const failure = await this.#prepare(key, script, spec.ports !== undefined, signal)
    if (failure !== undefined) {
      this.#refuse(key, failure.code, failure.message, failure.retryable)
      return this.#told()
    }
    // From here on only the engine knows what became of it, so that no failure is told any more.
    const container = known ?? (await this.#patiently(() => this.#engine.create(this.#bound(), key, spec)))
    if (signal.aborted) {
      await this.#patiently(() => this.#engine.remove(container))
      this.#refuse(key, 'start-failed', 'It was stopped before it was started.', true)
      return this.#told()
    }
    await this.#patiently(() => this.#engine.start(container))
    this.#tellOf(container)
    return this.#told()
  }

  async #prepare(key: AttemptKey, script: Script, hasPorts: boolean, signal: AbortSignal) {
    if (script.pullMs > 0) {
      this.#tell({ type: 'Pulling', key, atMs: this.#life.clock.nowMs() })
      await this.#life.sleep(script.pullMs)
    }
    if (signal.aborted)
      return { code: 'start-failed', message: 'It was stopped before it was started.', retryable: true }
    if (key.attempt > script.failingStarts) return undefined
    const { retryable } = script
    const code = retryable ? (hasPorts ? 'port-taken' : 'pull-failed') : 'no-such-image'
    return { code, message: 'The script has it fail.', retryable }
  }

  #armKill(container: Container, graceMs: number): void {
    const name = attemptName(container.key)
    const killAtMs = this.#world.timeline.nowMs + graceMs
    const earlier = this.#kills.get(name)
    if (earlier !== undefined && earlier.killAtMs <= killAtMs) return
    earlier?.cancel()
    const kill = () => void this.#patiently(() => this.#engine.signal(container, 'KILL'))
    this.#kills.set(name, { killAtMs, cancel: this.#life.post(graceMs, kill) })
  }

  #bound(): DriverScope {
    if (this.#scope === undefined) throw new Error('the driver was used before it was bound')
    return this.#scope
  }

  #onAvailability(): void {
    const { state, detail } = this.#availability()
    const known = state === 'complete' ? this.#engine.list(this.#bound()) : []
    const adopted = this.#defects.startsAgain ? known.filter(({ phase }) => phase === 'ended') : known
    for (const container of adopted) this.#tellOf(container)
    this.#tell({ type: 'Availability', state, detail })
  }

  #availability(): DriverProbe {
    return this.#engine.isAway
      ? { state: 'unavailable', detail: 'the simulated engine is away' }
      : { state: 'complete', detail: 'a simulated engine' }
  }

  #refuse(key: AttemptKey, code: string, message: string, retryable: boolean): void {
    this.#tell({ type: 'StartFailed', key, atMs: this.#life.clock.nowMs(), code, message, retryable })
  }

  /** All that is true of a container, oldest first. */
  #tellOf({ key, phase, startedAtMs = 0, endedAtMs = 0, exitCode = 0, signal }: Container): void {
    if (phase === 'created') return
    this.#tell({ type: 'Started', key, atMs: firstMs + Math.floor(startedAtMs) })
    if (phase !== 'ended') return
    const how = signal === undefined ? {} : { signal }
    const startedAt = { startedAtMs: firstMs + Math.floor(startedAtMs) }
    this.#tell({ type: 'Exited', key, atMs: firstMs + Math.floor(endedAtMs), exitCode, ...how, ...startedAt })
  }

  #tell(event: DriverEvent): void {
    const { nowMs } = this.#world.timeline
    this.#toldAtMs = Math.max(this.#toldAtMs, nowMs + this.#wayMs())
    this.#life.post(this.#toldAtMs - nowMs, () => this.#listener(event))
  }

  /** All that was said so far has been heard. */
  #told(): Promise<void> {
    return this.#life.sleep(Math.max(0, this.#toldAtMs - this.#world.timeline.nowMs))
  }

  #wayMs(): number {
    return this.#life.dice.roll() * driverTimes.wayMsMax
  }

  /** A request that was sent is done, even if whoever sent it dies meanwhile; then nobody hears the answer. */
  #ask<T>(body: () => T): Promise<T> {
    if (!this.#life.alive) return never()
    return new Promise((resolve, reject) => {
      const answer = (act: () => void) => this.#life.post(this.#wayMs(), act)
      this.#world.timeline.at(this.#wayMs(), () => {
        if (this.#engine.isAway) return void answer(() => reject(new EngineAway('The simulated engine is away.')))
        const result = body()
        answer(() => resolve(result))
      })
    })
  }

  /** Asks until the engine answers. */
  async #patiently<T>(body: () => T): Promise<T> {
    for (;;) {
      try {
        return await this.#ask(body)
      } catch (error) {
        if (!(error instanceof EngineAway)) throw error
        await this.#life.sleep(driverTimes.askAgainMs)
      }
    }
  }
}
