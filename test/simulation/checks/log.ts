/** The manager's log, read from its disk when all is over: the table was kept, and all that was told agrees with it. */
import type { TaskEvent } from '../../../actors/model.ts'
import { decodeRecord } from '../../../runtime/host/record.ts'
import type { Disk } from '../disk.ts'
import type { Ledger, Told } from '../ledger.ts'
import type { World } from '../world.ts'
import { faultOfMove } from './table.ts'

export type Log = ReadonlyMap<string, readonly TaskEvent[]>

/** Those that are not in the log any more. */
const trimmed = new WeakSet<TaskEvent>()

/** By task, in the order of the log. */
export function readLog(disk: Disk): Log {
  const log = new Map<string, TaskEvent[]>()
  for (const [key, bytes] of disk.log()) {
    const event = decodeRecord(bytes) as TaskEvent
    if (disk.isGone(key)) trimmed.add(event)
    log.set(event.taskId, [...(log.get(event.taskId) ?? []), event])
  }
  return log
}

export function checkLog(world: World, ledger: Ledger, log: Log): void {
  for (const [taskId, events] of log) checkMoves(world, taskId, events)
  for (const told of ledger.told) checkTold(world, told, log.get(told.taskId) ?? [])
  for (const [name, heard] of ledger.events) {
    const [reader, taskId] = name.split(' ') as [string, string]
    const events = log.get(taskId) ?? []
    checkHeard(world, reader, heard, ledger.resets.has(name) ? untrimmed(events, heard) : events)
  }
}

/** From where it has begun to hear; what came before that must have been trimmed. */
function untrimmed(events: readonly TaskEvent[], heard: readonly TaskEvent[]): readonly TaskEvent[] {
  const from = events.findIndex(({ revision }) => revision === heard[0]?.revision)
  return events.slice(0, Math.max(0, from)).every((event) => trimmed.has(event))
    ? events.slice(Math.max(0, from))
    : events
}

/** Only moves of the table, each from where the one before it led, and attempts numbered without a gap. */
function checkMoves(world: World, taskId: string, events: readonly TaskEvent[]): void {
  let at = ''
  let attempt = 0
  let revision = 0
  for (const event of events) {
    const type = event.event.type
    const fault = faultOfMove({ event: type, from: event.from, to: event.to })
    if (fault !== undefined) world.violated('states move only along the table', `${taskId}: ${fault}`)
    if (event.from !== at) {
      world.violated(
        'states move only along the table',
        `${taskId}: ${type} moved it from ${event.from}, and it was ${at}`,
      )
    }
    const expected = type === 'Placed' ? attempt + 1 : attempt
    if (event.attempt !== expected) {
      world.violated(
        'attempts are numbered from 1',
        `${taskId}: ${type} is of attempt ${event.attempt}, not ${expected}`,
      )
    }
    if (event.revision < revision) world.violated('revisions rise', `${taskId}: ${event.revision} after ${revision}`)
    at = event.to
    attempt = event.attempt
    revision = event.revision
    world.count(`moved by ${type}`)
    noteMove(world, event)
  }
}

function noteMove(world: World, { event, from, to }: TaskEvent): void {
  if (event.type === 'Unhealthy') world.sometimes('a task was stopped, for its checks failed')
  if (event.type === 'Drain') world.sometimes('a task left its node, which was drained')
  if (event.type !== 'HealthChanged') return
  if (to === 'Running.Unhealthy') world.sometimes('a check failed, and not yet for good')
  else if (from === 'Running.Unhealthy' && to === 'Running.Up') world.sometimes('a task was well again')
}

/** What a client was shown at a revision is what the log says of it, for ever. */
function checkTold(world: World, told: Told, events: readonly TaskEvent[]): void {
  const upTo = events.filter(({ revision }) => revision <= told.revision)
  const last = upTo.at(-1)
  const path = last?.to.replace(/\.Up$/, '')
  if (last !== undefined && last.revision === told.revision && path === told.path && last.attempt === told.attempt)
    return
  const truth = last === undefined ? 'has nothing of it' : `says ${path}, attempt ${last.attempt} at ${last.revision}`
  const how = `${told.taskId} was shown as ${told.path}, attempt ${told.attempt} at ${told.revision}, and the log ${truth}`
  world.violated('what a client was told is never taken back', how)
}

/** A subscriber heard the log from its beginning, each transition once, and nothing else. */
function checkHeard(world: World, reader: string, heard: readonly TaskEvent[], events: readonly TaskEvent[]): void {
  const at = heard.findIndex((event, index) => JSON.stringify(event) !== JSON.stringify(events[index]))
  const event = heard[at]
  if (event === undefined) {
    if (heard.length < events.length) world.sometimes('a subscription ended before its last events came')
    return
  }
  const truth = events[at] === undefined ? 'nothing' : `${events[at].event.type} at ${events[at].revision}`
  const how = `${reader} heard ${event.event.type} of ${event.taskId} at ${event.revision} where the log has ${truth}`
  world.violated('a subscriber sees no gap', how)
}
