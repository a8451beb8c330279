/**
 * What clients may ask about and do to tasks. Whatever it answers is durable: questions are answered from memory, but
 * only after the flush of all that memory holds.
 */
import type { AnyMachineSnapshot } from 'xstate'
import { shownSpec } from '../../actors/environment.ts'
import { type AttemptSummary, modelLimits, type TaskSpec, type TaskView } from '../../actors/model.ts'
import { checkSpec } from '../../actors/policies.ts'
import type { Access } from '../../actors/protocol/access.ts'
import type { ClientReplies } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { Ask } from '../../actors/schedulers/scheduler.ts'
import { askOf, viewOf } from '../../actors/standing.ts'
import { pathOf } from '../../actors/step.ts'
import type { TaskContext } from '../../actors/task.ts'
import type { Clock } from '../clock.ts'
import type { ActorHost, HostedActor } from '../host/actor.ts'
import type { Journal } from '../host/journal.ts'
import { endOf, keys, prefixes } from '../host/keys.ts'
import { type LoadedActor, readActor } from '../host/load.ts'
import { decodeRecord, encodeRecord } from '../host/record.ts'
import type { Turn } from '../host/turn.ts'
import type { Storage } from '../storage/storage.ts'
import type { Book } from './book.ts'
import { readNamed } from './damage.ts'
import type { History } from './history.ts'
import { hashOfSpec, type KnownIds, textOfSpec, viewOfMark } from './known-ids.ts'
import type { Placement } from './placement.ts'

export const taskQueryLimits = {
  /** Final tasks in the scope `recent`. */
  recentFinalMax: 50,
  /** Bytes of a page, roughly; a frame takes four times as many. */
  pageBytesMax: 1_024 * 1_024,
  /** Transitions in an explanation. */
  explainedEventsMax: 50,
  /** Ids named in the refusal of a prefix that fits several. */
  ambiguousNamedMax: 5,
} as const

export interface Page {
  readonly items: TaskView[]
  /** There may be more after this id. */
  readonly next?: string
}

export interface TasksOptions {
  readonly storage: Storage
  readonly journal: Journal
  readonly host: ActorHost
  readonly book: Book
  readonly history: History
  readonly placement: Placement
  readonly knownIds: KnownIds
  readonly clock: Clock
}

const sameSpec = (a: TaskSpec, b: TaskSpec): boolean => textOfSpec(a) === textOfSpec(b)

/** As it is stored. Throws `Invalid` for what no task can be. */
function bytesOf(spec: TaskSpec): Uint8Array {
  const wrong = checkSpec(spec)
  if (wrong !== undefined) throw new TroupeError('Invalid', wrong)
  let bytes: Uint8Array
  try {
    bytes = encodeRecord(spec)
  } catch (error) {
    // A map with more entries than a record's can have: only what is not known of a specification may hold one.
    throw new TroupeError('Invalid', `the task's specification cannot be stored; leave out what is unknown in it`, {
      cause: error,
    })
  }
  if (bytes.length <= modelLimits.specBytesMax) return bytes
  const message = `the task's specification is ${bytes.length} bytes and may have ${modelLimits.specBytesMax}; put what is large into the image or a file`
  throw new TroupeError('Invalid', message)
}

/** What it asks of a node now. One that is placed, or final, is looked at as if it came for the first time. */
function askNow(snapshot: AnyMachineSnapshot): Ask {
  const ask = askOf(snapshot.context as TaskContext)
  if (pathOf(snapshot.value).startsWith('Pending')) return ask
  const { prefer: _prefer, avoid: _avoid, ...plain } = ask
  return plain
}

export class Tasks {
  readonly #options: TasksOptions
  /** Submissions under way, by id: a second of the same id waits for the first. */
  readonly #submitting = new Map<string, Promise<unknown>>()

  constructor(options: TasksOptions) {
    this.#options = options
  }

  /** Throws `Invalid`, `Conflict`, `Overloaded`, `StorageFailed`. */
  async submit(taskId: string, spec: TaskSpec): Promise<{ existing: boolean; task: TaskView }> {
    const before = this.#submitting.get(taskId)
    const mine = (async () => {
      await before?.catch(() => undefined)
      return this.#submit(taskId, spec)
    })()
    this.#submitting.set(taskId, mine)
    try {
      return await mine
    } finally {
      if (this.#submitting.get(taskId) === mine) this.#submitting.delete(taskId)
    }
  }

  async #submit(taskId: string, given: TaskSpec): Promise<{ existing: boolean; task: TaskView }> {
    const { journal, host, book } = this.#options
    journal.admit()
    const bytes = bytesOf(given)
    const spec = book.alikeSpecs.of(bytes, () => given)
    const existing = await this.#existing(taskId, spec, 'everything')
    if (existing !== undefined) return { existing: true, task: existing }
    const actor = await this.#commit((turn) => {
      book.specs.set(taskId, spec)
      turn.put(keys.spec(taskId), bytes)
      return host.create(turn, keys.task(taskId), 'task', { taskId, spec, atMs: turn.atMs })
    })
    return { existing: false, task: actor.view }
  }

  /**
   * What submitting it would be checked for, and the task that it would find. Throws `Invalid`, `Conflict`. Who may only
   * look learns nothing of what is hidden from them: secrets are not compared.
   */
  async examine(taskId: string | undefined, spec: TaskSpec, access: Access): Promise<TaskView | undefined> {
    bytesOf(spec)
    if (taskId === undefined) return undefined
    await this.#submitting.get(taskId)?.catch(() => undefined)
    return this.#existing(taskId, spec, access)
  }

  /** The task of this id, if it was accepted before. Throws `Conflict` if that was with another spec. */
  async #existing(taskId: string, spec: TaskSpec, access: Access): Promise<TaskView | undefined> {
    const known = await this.specOf(taskId)
    if (known === undefined) return this.#trimmed(taskId, spec, access)
    const seen = (one: TaskSpec) => (access === 'everything' ? one : shownSpec(one, false))
    if (!sameSpec(seen(known), seen(spec))) {
      throw new TroupeError('Conflict', `there is a task ${taskId} with another specification; choose another id`)
    }
    const bytes = this.#actor(taskId) === undefined ? await this.#options.storage.get(keys.task(taskId)) : undefined
    // It can have been trimmed since its specification was read.
    const mark =
      bytes === undefined && this.#actor(taskId) === undefined ? this.#trimmed(taskId, spec, access) : undefined
    return (await mark) ?? this.view(taskId)
  }

  /** The task of this id, if it was trimmed less than a day ago. Throws `Conflict` as `#existing`. */
  async #trimmed(taskId: string, spec: TaskSpec, access: Access): Promise<TaskView | undefined> {
    const mark = await this.#options.knownIds.find(taskId)
    if (mark === undefined) return undefined
    if (access === 'everything' && mark.spec !== hashOfSpec(spec)) {
      const message = `there was a task ${taskId} with another specification, trimmed less than 24 h ago; choose another id`
      throw new TroupeError('Conflict', message)
    }
    return viewOfMark(taskId, spec, mark)
  }

  /** Runs a turn, and answers with where its task stands at its end, once that is durable. */
  #commit(body: (turn: Turn) => HostedActor): Promise<{ view: TaskView }> {
    const { host, journal } = this.#options
    return new Promise((resolve, reject) => {
      const forget = journal.onFailed(() => {
        reject(
          new TroupeError(
            'StorageFailed',
            'the store could not save, and whether it was done is not known; ask again shortly, by the same id',
          ),
        )
      })
      let view: TaskView | undefined
      const actor = host.run((turn) => {
        turn.finally(() => {
          forget()
          resolve({ view: view as TaskView })
        })
        return body(turn)
      })
      view = viewOf(actor.snapshot, actor.revision)
    })
  }

  /** Throws `NotFound`, `Conflict` (it is not final yet), and what `submit` throws. */
  async rerun(taskId: string, newTaskId: string): Promise<{ existing: boolean; task: TaskView }> {
    await this.#submitting.get(taskId)?.catch(() => undefined)
    const view = await this.view(taskId)
    if (view.finishedAtMs === null) throw new TroupeError('Conflict', `${taskId} is still ${view.state}; stop it first`)
    const spec = await this.specOf(taskId)
    if (spec === undefined) throw new TroupeError('NotFound', `the specification of ${taskId} is gone`)
    return this.submit(newTaskId, { ...spec, rerunOf: taskId })
  }

  /** By the whole id: while `job-1` is not there yet, a program that stops it must not stop `job-10`. */
  async stop(taskId: string, graceMs: number | undefined): Promise<{ alreadyFinal: boolean; task: TaskView }> {
    this.#options.journal.admit()
    await this.#submitting.get(taskId)?.catch(() => undefined)
    const address = keys.task(taskId)
    const actor = this.#options.host.actors.get(address)
    if (actor === undefined) {
      const task = await this.view(taskId)
      // It was submitted while the store was asked.
      if (task.finishedAtMs === null && this.#options.host.actors.has(address)) return this.stop(taskId, graceMs)
      return { alreadyFinal: true, task }
    }
    const { view } = await this.#commit((turn) => {
      turn.tell(address, { type: 'Stop', ...(graceMs === undefined ? {} : { graceMs }) } as { type: string })
      return actor
    })
    return { alreadyFinal: false, task: view }
  }

  /** The whole id of the one task whose id begins so. Throws `NotFound`, `Ambiguous`. */
  async resolve(prefix: string): Promise<string> {
    const { storage } = this.#options
    // Requests of one connection may follow one another without waiting: a submission of this very id comes first.
    await this.#submitting.get(prefix)?.catch(() => undefined)
    if (this.#actor(prefix) !== undefined) return prefix
    const found: string[] = []
    const start = keys.task(prefix)
    const limit = taskQueryLimits.ambiguousNamedMax + 1
    for await (const [key] of storage.scan({ gte: start, lt: endOf(start), limit })) {
      found.push(key.slice(prefixes.task.length))
    }
    if (found.includes(prefix)) return prefix
    const [first] = found
    // A whole id that was trimmed must not come to mean another that begins so.
    const trimmed = await this.#options.knownIds.refusal(prefix)
    if (trimmed !== undefined) throw trimmed
    if (first === undefined) {
      throw new TroupeError('NotFound', `there is no task ${prefix}; "troupe status --all" lists them`)
    }
    if (found.length === 1) return first
    const named = found.slice(0, taskQueryLimits.ambiguousNamedMax).join(', ')
    throw new TroupeError(
      'Ambiguous',
      `${prefix} fits several tasks (${named}${found.length === limit ? ', …' : ''}); give more of the id`,
    )
  }

  /** Where a task stands that memory speaks for: it is live, or its end is on its way to the disk. */
  known(taskId: string): TaskView | undefined {
    const actor = this.#actor(taskId)
    return actor === undefined ? undefined : this.#live(taskId, actor)
  }

  /** A task that memory speaks for: it is live, or its end is on its way to the disk. */
  hosted(taskId: string): HostedActor | undefined {
    return this.#actor(taskId)
  }

  /** The machine of a task that has ended. Throws `NotFound`, or `Internal` for a record that cannot be read. */
  async stored(taskId: string): Promise<AnyMachineSnapshot> {
    const bytes = await this.#options.storage.get(keys.task(taskId))
    if (bytes === undefined) throw await this.#missing(taskId)
    return this.#read(taskId, bytes).snapshot
  }

  /** Tasks whose ends are on their way to the disk. */
  ending(): Iterable<string> {
    return this.#options.book.ending.keys()
  }

  /** Where a task stands. Throws `NotFound`, or `Internal` for a record that cannot be read. */
  async view(taskId: string): Promise<TaskView> {
    const actor = this.#actor(taskId)
    if (actor !== undefined) return this.#live(taskId, actor)
    const bytes = await this.#options.storage.get(keys.task(taskId))
    if (bytes === undefined) throw await this.#missing(taskId)
    return this.#stored(taskId, bytes)
  }

  async #missing(taskId: string): Promise<TroupeError> {
    const trimmed = await this.#options.knownIds.refusal(taskId)
    return trimmed ?? new TroupeError('NotFound', `there is no task ${taskId}`)
  }

  /** Why it waits is told as it is now: what was recorded is from when it began to. */
  #live(taskId: string, actor: HostedActor): TaskView {
    const view = viewOf(actor.snapshot, actor.revision)
    const why = this.#options.placement.verdict(taskId, this.#options.clock.nowMs())?.why
    return why === undefined ? view : { ...view, reason: why }
  }

  /** A task that memory speaks for: its record, if there is one, may be behind. */
  #actor(taskId: string): HostedActor | undefined {
    return this.#options.host.actors.get(keys.task(taskId)) ?? this.#options.book.ending.get(taskId)
  }

  #stored(taskId: string, bytes: Uint8Array): TaskView {
    const { snapshot, record } = this.#read(taskId, bytes)
    return viewOf(snapshot, record.revision)
  }

  #read(taskId: string, bytes: Uint8Array): LoadedActor {
    try {
      return readActor(keys.task(taskId), 'task', bytes)
    } catch (error) {
      throw new TroupeError('Internal', `the record of task ${taskId} cannot be read: ${(error as Error).message}`)
    }
  }

  /** A page of what is live and the last that ended, in the order of their ids. */
  async recent(after: string | undefined, limit: number): Promise<Page> {
    const { host, book, storage } = this.#options
    const ids = new Set<string>()
    for (const { address, kind } of [...host.actors.values(), ...book.ending.values()]) {
      if (kind === 'task') ids.add(address.slice(prefixes.task.length))
    }
    const limits = { reverse: true, limit: taskQueryLimits.recentFinalMax }
    for await (const [key] of storage.scan({ gte: prefixes.final, lt: endOf(prefixes.final), ...limits })) {
      ids.add(key.slice(key.lastIndexOf('/') + 1))
    }
    const later = [...ids].filter((id) => after === undefined || id > after)
    return this.#page(later.sort(), limit)
  }

  /** As `view`, for a list: a record that cannot be read is left out. It was named when the manager started. */
  async #listed(taskId: string): Promise<TaskView | undefined> {
    try {
      return await this.view(taskId)
    } catch (error) {
      if (error instanceof TroupeError) return undefined
      throw error
    }
  }

  /** A page of all tasks in the order of their ids. */
  async page(after: string | undefined, limit: number): Promise<Page> {
    const from = after === undefined ? { gte: prefixes.task } : { gt: keys.task(after) }
    const ids: string[] = []
    // One more than fits tells whether there is a next page.
    const scan = this.#options.storage.scan({ ...from, lt: endOf(prefixes.task), limit: limit + 1 })
    for await (const [key] of scan) ids.push(key.slice(prefixes.task.length))
    return this.#page(ids, limit)
  }

  /** The first of these tasks, as many as `limit` and a frame allow. */
  async #page(ids: readonly string[], limit: number): Promise<Page> {
    const items: TaskView[] = []
    let bytes = 0
    for (const [at, taskId] of ids.entries()) {
      if (at === limit || bytes > taskQueryLimits.pageBytesMax) return { items, next: ids[at - 1] as string }
      const view = await this.#listed(taskId)
      if (view === undefined) continue
      items.push(view)
      bytes += JSON.stringify(view).length
    }
    return { items }
  }

  async specOf(taskId: string): Promise<TaskSpec | undefined> {
    const live = this.#options.book.specs.get(taskId)
    if (live !== undefined) return live
    const bytes = await this.#options.storage.get(keys.spec(taskId))
    if (bytes === undefined) return undefined
    return readNamed(`the specification of task ${taskId}`, () => decodeRecord(bytes) as TaskSpec)
  }

  /** Its attempts, as many as are remembered. Throws `NotFound`, or `Internal` for a record that cannot be read. */
  async attempts(taskId: string): Promise<readonly AttemptSummary[]> {
    const snapshot = this.#actor(taskId)?.snapshot ?? (await this.stored(taskId))
    return (snapshot.context as TaskContext).attempts
  }

  /** Why a task is where it is. */
  async explain(prefix: string, access: Access): Promise<Omit<ClientReplies['Explanation'], 'type' | 'req'>> {
    const { placement, history, clock } = this.#options
    const taskId = await this.resolve(prefix)
    const actor = this.#actor(taskId)
    const snapshot = actor?.snapshot ?? (await this.stored(taskId))
    const context = snapshot.context as TaskContext
    const spec = await this.specOf(taskId)
    if (spec === undefined) throw new TroupeError('Internal', `the specification of ${taskId} is gone`)
    const limit = taskQueryLimits.explainedEventsMax
    const { events, trimmedUntilMs } = await history.of(taskId, { limit })
    return {
      task: await this.view(taskId),
      spec: shownSpec(spec, access === 'everything'),
      decision: placement.verdict(taskId, clock.nowMs()) ?? context.decision ?? null,
      schedulers: placement.compare(askNow(snapshot), clock.nowMs()),
      attempts: [...context.attempts],
      events,
      ...(trimmedUntilMs === undefined ? {} : { trimmedUntilMs }),
      timers: (actor?.timers.stored() ?? []).map(({ event, dueAtMs }) => ({ event: event.type, dueAtMs })),
    }
  }
}
