/** The parts of a worker, put together: who carries out which effect, and what follows from each step of an attempt. */
import { statusOf } from '../../actors/attempt.ts'
import type { AttemptPlace } from '../../actors/environment.ts'
import { closeCodes } from '../../actors/protocol/errors.ts'
import { ActorHost, type Stepped } from '../host/actor.ts'
import { noBoundary } from '../host/boundary.ts'
import { Journal } from '../host/journal.ts'
import { keys } from '../host/keys.ts'
import type { Turn } from '../host/turn.ts'
import { Alarms } from './alarms.ts'
import { Attempts, contextOf } from './attempts.ts'
import { Desired } from './desired.ts'
import { Drivers } from './drivers.ts'
import { Checkups } from './health.ts'
import { Heartbeat } from './heartbeat.ts'
import { Inspection } from './inspection.ts'
import { Logs } from './logs.ts'
import { Recovery } from './recover.ts'
import { Removals } from './removals.ts'
import { Retries } from './retries.ts'
import { Samplings } from './samplings.ts'
import { type Hello, Session, type SessionMessage, sessionAddress, type Welcome } from './session.ts'
import { Statuses } from './statuses.ts'
import { StopAfter } from './stop-after.ts'
import type { Identity, StoredWorker } from './store.ts'
import { Usage } from './usage.ts'
import type { WorkerHostOptions } from './worker.ts'

export const workerAddress = 'worker'

/** What the worker as a whole is told by its parts. */
export interface PartsEvents {
  readonly hello: () => Hello
  readonly onOpen: (welcome: Welcome, greetedMs: number) => void
  readonly onMessage: (message: SessionMessage) => void
  readonly onClosed: (reason: string) => void
  readonly onRejected: (code: string, message: string) => void
  readonly onDriversChange: () => void
  readonly onJournalFailure: (error: Error) => void
  /** It has recovered, and is to dial. */
  readonly onServing: () => void
  /** It is to let go in order. */
  readonly onClose: () => void
  readonly onStopped: () => void
  /** Recovering threw: a defect. */
  readonly onDefect: (error: Error) => void
}

export interface Parts {
  readonly identity: Identity
  readonly journal: Journal
  readonly host: ActorHost
  readonly alarms: Alarms
  readonly drivers: Drivers
  readonly removals: Removals
  readonly attempts: Attempts
  readonly recovery: Recovery
  readonly checkups: Checkups
  readonly desired: Desired
  readonly statuses: Statuses
  readonly heartbeat: Heartbeat
  readonly stopAfter: StopAfter
  readonly logs: Logs
  readonly inspection: Inspection
  readonly samplings: Samplings
  readonly usage: Usage
  readonly session: Session
}

/** The parts, with the volatile actors made and nothing begun. */
export function createParts(options: WorkerHostOptions, stored: StoredWorker, events: PartsEvents): Parts {
  const { journal, host } = createHost(options, stored, events, () => parts)
  const { storage, clock, random, logger } = options
  const alarms = new Alarms(clock)
  const retries = new Retries({ alarms, random })
  const drivers = new Drivers({
    drivers: options.drivers,
    logger,
    onAttempt: (key, event) => attempts.tell(key, event),
    onProgress: ({ taskId, attempt }, text) => session.send({ type: 'Progress', taskId, attempt, text }),
    onComplete: (name) => recovery.look(name),
    onChange: events.onDriversChange,
  })
  const removals = new Removals({ drivers, retries, logger })
  const place = () => placeOf(stored, options)
  const attempts = new Attempts({ host, storage, drivers, removals, retries, place, clock, logger })
  const checkups = new Checkups({ attempts, drivers, prober: options.prober, clock, logger })
  const { unreadable } = stored
  const recovery: Recovery = new Recovery({
    ...{ attempts, drivers, removals, retries, clock, logger, unreadable },
    desired: () => desired,
  })
  const desired = new Desired({
    host,
    attempts,
    onGap: (have) => session.send({ type: 'DesiredGap', have }),
    onComplete: () => void recovery.lookAll(),
    mayRun: (key, driver) => recovery.mayRun(key, driver),
  })
  const statuses = new Statuses({ send: (reported) => session.send({ type: 'Status', attempts: reported }) })
  const usage = new Usage({ gauge: options.gauge, clock, logger })
  const heartbeat = new Heartbeat({
    ...{ clock, random, alarms },
    send: (seq) => session.send({ type: 'Heartbeat', seq, ...usage.next() }),
    onExpired: () => session.break(closeCodes.timeout, 'the manager acknowledged no heartbeat for a whole lease'),
  })
  const stopAfter = new StopAfter({ clock, alarms, attempts, heartbeat })
  const logs = new Logs({
    ...{ attempts, logger },
    drivers: options.drivers,
    send: (message) => session.send(message, 'bulk'),
  })
  const samplings = new Samplings({
    ...{ attempts, drivers, clock, logger },
    send: (message) => session.send(message, 'bulk'),
  })
  const { nodeId } = stored.identity
  const inspection = new Inspection({ host, journal, nodeId, send: (message) => session.send(message) })
  const session: Session = new Session({
    ...{ host, journal, identity: stored.identity, clock, logger },
    ...{ transport: options.transport, managerUrl: options.managerUrl },
    prepare: async () => void (await drivers.probe()),
    onDrain: () => {
      for (const part of [statuses, inspection, logs, samplings]) part.drained()
    },
    ...events,
  })
  const parts: Parts = {
    ...{ identity: stored.identity, journal, host, alarms, drivers, removals, attempts, recovery, desired, statuses },
    ...{ heartbeat, stopAfter, logs, samplings, usage, session, checkups, inspection },
  }
  host.run((turn) => {
    host.create(turn, workerAddress, 'worker', undefined)
    host.create(turn, sessionAddress, 'session', undefined)
  })
  return parts
}

function placeOf({ identity }: StoredWorker, { registration }: WorkerHostOptions): AttemptPlace {
  const { clusterId = '', nodeId } = identity
  return { clusterId, nodeId, nodeName: registration.name }
}

/** The journal and the host of the actors; the parts that carry out effects are made after them. */
function createHost(options: WorkerHostOptions, stored: StoredWorker, events: PartsEvents, parts: () => Parts) {
  const { storage, clock, random, logger, onBoundary = noBoundary } = options
  const journal = new Journal({
    ...{ storage, logger, onBoundary },
    epoch: stored.identity.highestEpoch,
    revision: stored.revision,
    onFailure: events.onJournalFailure,
  })
  const host = new ActorHost({
    ...{ journal, clock, random, logger, onBoundary },
    handlers: {
      attempts: {
        startAttempt: ({ key }) => parts().attempts.start(key),
        stopAttempt: ({ key }) => parts().attempts.stop(key),
        removeAttempt: ({ key }) => parts().attempts.remove(key),
      },
      session: {
        dial: () => parts().session.dial(),
        greet: () => void parts().session.greet(),
        hangUp: () => parts().session.hangUp(),
      },
      lifecycle: {
        recover: () => void recover(parts(), stored, options).catch(events.onDefect),
        open: events.onServing,
        close: events.onClose,
      },
    },
    onStep: (stepped, turn) => {
      if (stepped.actor.kind === 'attempt') attemptStepped(parts(), stepped, turn)
      else if (stepped.actor.address === workerAddress && stepped.to === 'Stopped') turn.afterwards(events.onStopped)
    },
    onQuiet: () => {},
    onFinal: (actor) => parts().statuses.forget(contextOf(actor).key),
  })
  return { journal, host }
}

/** What follows from one step of an attempt. News of it wait for the flush that stores it. */
function attemptStepped(parts: Parts, { actor, before, from, to }: Stepped, turn: Turn): void {
  const { attempts, statuses, stopAfter, logs, checkups } = parts
  const context = contextOf(actor)
  const { key, stopAfterMs } = context
  if (context.seq !== (before?.context as typeof context | undefined)?.seq) {
    const status = statusOf(context)
    turn.afterwards(() => statuses.note(status))
  }
  if (before === undefined && stopAfterMs !== undefined) turn.afterwards(() => stopAfter.expect(stopAfterMs))
  const waits = to === 'Starting' || to === 'Pulling'
  if (!waits) attempts.forgetSpec(key)
  if (!waits && from !== to) turn.afterwards(() => logs.changed())
  if (from !== to) turn.afterwards(() => checkups.follow(key))
  if (actor.snapshot.status !== 'active') turn.drop(keys.attemptSpec(key))
}

/** Takes the stored attempts in, and lets the drivers say what became of them. */
async function recover(parts: Parts, stored: StoredWorker, options: WorkerHostOptions): Promise<void> {
  const { logger } = options
  const { host, statuses, stopAfter, drivers, identity } = parts
  for (const { key, reason } of stored.unreadable) {
    logger.error(`the record ${key} cannot be read and is set aside: ${reason}; its attempt is only adopted or removed`)
  }
  for (const { key, snapshot, record } of stored.attempts) {
    host.adopt(key, 'attempt', snapshot, record)
    statuses.note(statusOf(snapshot.context))
  }
  stopAfter.check()
  if (stored.attempts.length > 0) logger.info(`found ${stored.attempts.length} attempts in the store`)
  const { clusterId } = identity
  if (clusterId !== undefined) await drivers.watch(placeOf(stored, options))
  for (const actor of parts.attempts.all()) {
    const { driver, key } = contextOf(actor)
    parts.checkups.follow(key)
    if (drivers.offers(driver)) continue
    // It may run, and nobody can say so: it waits for a worker that offers its driver again. A start too, for it may
    // have been carried out just before the crash.
    logger.warn(`${key.taskId} belongs to the ${driver} driver, which this worker does not offer now; it is left alone`)
  }
  host.tell(workerAddress, { type: 'Loaded' })
}
