/** What clients ask for in a run, drawn from its seed: tasks of every kind, and what is done to them meanwhile. */

import type { HealthCheck } from '../../actors/health.ts'
import type { Port, TaskSpec } from '../../actors/model.ts'
import { Dice } from './dice.ts'
import { type Scene, workersOf } from './scene.ts'
import { commandOf, plainScript, type Script } from './script.ts'

export interface Order {
  readonly taskId: string
  readonly client: string
  readonly spec: TaskSpec
  readonly script: Script
  readonly submitAtMs: number
  readonly stopAtMs: number | undefined
  /** Overrides the task's own grace. */
  readonly stopGraceMs: number | undefined
  /** When the very same is submitted again. */
  readonly againAtMs: readonly number[]
  /** When the same id is submitted with another spec. */
  readonly conflictAtMs: number | undefined
  /** When its state is asked for. */
  readonly askAtMs: readonly number[]
  /** It is asked for, and stopped, before anybody has answered its submission. */
  readonly isHasty: boolean
}

/** When clients do something. */
export const momentsOf = (orders: readonly Order[]): number[] =>
  orders.flatMap(({ submitAtMs, stopAtMs, againAtMs, askAtMs }) => [
    submitAtMs,
    ...(stopAtMs === undefined ? [] : [stopAtMs]),
    ...againAtMs,
    ...askAtMs,
  ])

const enduringId = 'task-enduring'
/** Longer than any run, in milliseconds. */
const endlessMs = 3_600_000

export const orderTimes = {
  /** Submissions come within this time, in milliseconds. */
  phaseMs: 32_000,
} as const

export function planOrders(seed: number, scene: Scene): Order[] {
  const dice = new Dice(seed, 'orders')
  const { clients, tasksMin, tasksMax, enduringChance, hastyChance } = scene
  const count = dice.between(tasksMin, tasksMax)
  // No id is the beginning of another: a question about one that is not there yet would be taken for the other.
  const idOf = (at: number) => `task-${String(at + 1).padStart(2, '0')}`
  const orders = Array.from({ length: count }, (_, at) => order(dice, idOf(at), dice.pick(clients), hastyChance))
  const all = dice.chance(enduringChance) ? [...orders, enduring(dice, dice.pick(clients), scene.enduringCpus)] : orders
  const health = new Dice(seed, 'health')
  const tended =
    scene.checkChance === 0 ? all : all.map((one) => (health.chance(scene.checkChance) ? checked(health, one) : one))
  const ports = new Dice(seed, 'ports')
  return scene.portChance === 0
    ? tended
    : tended.map((one) => (ports.chance(scene.portChance) || one.taskId === enduringId ? ported(ports, one) : one))
}

/** The same with ports: a certain one that others want as well, free ones, or both. */
function ported(dice: Dice, one: Order): Order {
  const isCertain = one.taskId === enduringId || dice.chance(0.7)
  const certain: Port[] = isCertain ? [{ target: 80, host: dice.pick([8_080, 8_080, 9_001]) }] : []
  const free = dice.between(certain.length === 0 ? 1 : 0, 2)
  const ports = [...certain, ...Array.from({ length: free }, (_, at): Port => ({ target: 100 + at }))]
  return { ...one, spec: { ...one.spec, ports } }
}

/** The same with a health check. What it checks may be sick for a while, or for good: then nothing but the check ends it. */
function checked(dice: Dice, one: Order): Order {
  const kind = dice.pick(['command', 'command', 'container'] as const)
  const check: HealthCheck = {
    ...{ kind, startPeriodMs: dice.pick([0, 500, 3_000]), intervalMs: dice.pick([200, 500, 1_500]) },
    ...{ timeoutMs: 1_000, retries: dice.between(1, 4) },
    ...(kind === 'command' ? { command: ['check'] } : {}),
  }
  const isSick = one.taskId !== enduringId && dice.chance(0.6)
  const isForGood = dice.chance(0.5)
  const script: Script = {
    ...one.script,
    ...(isSick ? { sickAfterMs: dice.below(4_000), sickForMs: isForGood ? endlessMs : dice.between(200, 3_000) } : {}),
    ...(isSick && isForGood ? { afterMs: endlessMs } : {}),
  }
  const stopAtMs = isSick && isForGood ? undefined : one.stopAtMs
  return { ...one, script, stopAtMs, spec: { ...one.spec, command: commandOf(script), health: check } }
}

/** What a client does to a node. */
export interface Upkeep {
  readonly client: string
  readonly node: string
  readonly atMs: number
  readonly type: 'drain' | 'remove'
  /** For how long at least, in milliseconds. */
  readonly forMs: number
  /** A drain only: after this all must leave. */
  readonly deadlineMs: number | undefined
  /** A drain only: it lasts until nothing is left on the node, too. */
  readonly untilEmpty: boolean
}

/** Each node is drained at most once, so that nobody waits for what another has taken back. */
export function planUpkeep(seed: number, scene: Scene): Upkeep[] {
  const dice = new Dice(seed, 'upkeep')
  const drains = workersOf(scene).filter(() => scene.drainChance > 0 && dice.chance(scene.drainChance))
  const upkeep = drains.map((node): Upkeep => {
    const deadlineMs = dice.chance(0.6) ? dice.between(300, 8_000) : undefined
    const untilEmpty = deadlineMs !== undefined && dice.chance(0.6)
    const when = { atMs: dice.between(2_000, 35_000), forMs: dice.between(500, 15_000) }
    return { type: 'drain', client: dice.pick(scene.clients), node, ...when, deadlineMs, untilEmpty }
  })
  if (scene.removalChance === 0 || !dice.chance(scene.removalChance)) return upkeep
  const [client, node] = [dice.pick(scene.clients), dice.pick(workersOf(scene))]
  const when = { atMs: dice.between(2_000, 20_000), forMs: dice.between(15_000, 40_000) }
  return [...upkeep, { type: 'remove', client, node, ...when, deadlineMs: undefined, untilEmpty: false }]
}

/** Runs all the while and may be replaced: what a machine that is gone for long, and comes back, can still be running. */
function enduring(dice: Dice, client: string, cpus: number): Order {
  const script = { ...plainScript, afterMs: endlessMs, stubborn: dice.chance(0.3) }
  const disconnect = { lostAfterMs: dice.between(6_500, 9_000), stopAfterMs: dice.between(100, 500), replace: true }
  return {
    ...order(dice, enduringId, client, 0),
    isHasty: false,
    script,
    spec: {
      ...{ driver: 'docker', image: 'script', command: commandOf(script), stopGraceMs: 500, disconnect },
      ...(cpus > 0 ? { cpus } : {}),
    },
    submitAtMs: dice.below(8_000),
    stopAtMs: dice.between(50_000, 70_000),
  }
}

function order(dice: Dice, taskId: string, client: string, hastyChance: number): Order {
  const submitAtMs = dice.below(orderTimes.phaseMs)
  const isEndless = dice.chance(0.15)
  const script = scriptFor(dice, isEndless)
  const soon = () => submitAtMs + dice.below(25_000)
  const isStopped = dice.chance(0.2)
  return {
    taskId,
    client,
    script,
    spec: specFor(dice, script),
    submitAtMs,
    stopAtMs: isEndless ? submitAtMs + dice.below(60_000) : isStopped ? soon() : undefined,
    stopGraceMs: dice.chance(0.3) ? dice.pick([0, 200, 3_000]) : undefined,
    againAtMs: Array.from({ length: dice.below(3) }, soon),
    conflictAtMs: dice.chance(0.2) ? soon() : undefined,
    askAtMs: Array.from({ length: dice.below(6) }, soon),
    isHasty: dice.chance(hastyChance),
  }
}

function scriptFor(dice: Dice, isEndless: boolean): Script {
  const afterMs = isEndless ? endlessMs : dice.below(dice.pick([400, 400, 4_000, 15_000, 40_000]))
  const fails = dice.chance(0.12)
  return {
    ...plainScript,
    exitCode: dice.chance(0.4) ? dice.between(1, 120) : 0,
    afterMs,
    pullMs: dice.chance(0.3) ? dice.between(10, 2_500) : 0,
    stubborn: dice.chance(0.15),
    failingStarts: fails ? dice.between(1, 3) : 0,
    retryable: dice.chance(0.7),
  }
}

function specFor(dice: Dice, script: Script): TaskSpec {
  const policy = dice.pick(['never', 'never', 'on-failure', 'always'] as const)
  const backOff = { backOffMs: dice.pick([0, 200, 1_000]), backOffMaxMs: 2_000 }
  const restart = policy === 'never' ? { policy } : { policy, max: dice.between(0, 3), ...backOff }
  return {
    driver: 'docker',
    image: 'script',
    command: commandOf(script),
    restart,
    stopGraceMs: dice.pick([0, 300, 1_500]),
    ...(dice.chance(0.7) ? { cpus: dice.pick([0.25, 0.5, 1, 1.5, 2.5]) } : {}),
    ...(dice.chance(0.3) ? { memoryBytes: dice.pick([100, 300, 500]) * 1_024 * 1_024 } : {}),
    ...(dice.chance(0.15) ? { timeoutMs: dice.between(200, 12_000) } : {}),
    ...(dice.chance(0.1) ? { waitTimeoutMs: dice.between(500, 10_000) } : {}),
    ...constraintFor(dice),
    ...disconnectFor(dice, policy),
  }
}

/** With a limit on its waiting, for there may be no node that both is allowed and has room. */
function constraintFor(dice: Dice): Pick<TaskSpec, 'constraints' | 'waitTimeoutMs'> {
  if (!dice.chance(0.1)) return {}
  return { constraints: [dice.pick(['zone=a', 'zone!=a', 'node=worker-1'])], waitTimeoutMs: 20_000 }
}

/** Short enough that a long cut has them given up; `stopAfter + grace + margin < lostAfter` must hold. */
function disconnectFor(dice: Dice, policy: string): Pick<TaskSpec, 'disconnect'> | Record<string, never> {
  if (!dice.chance(0.55)) return {}
  const lostAfterMs = dice.between(8_000, 12_000)
  const replace = policy !== 'never' || dice.chance(0.5)
  if (replace) return { disconnect: { lostAfterMs, stopAfterMs: dice.between(100, 1_000), replace } }
  return { disconnect: { lostAfterMs, replace: false } }
}
