/**
 * Defects that cannot be put around the shipped code: each changes a few words of a copy of it. The simulation of that
 * copy must break. Where the words are not found any more, look for where the same mistake could be made now.
 */

export interface Edit {
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly replace: string
}

export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
  /**
   * Where the hunt begins: shortly before a seed that shows it, where the first of them would take long. When the code has
   * changed, any later seed will do. Default 0.
   */
  readonly firstSeed?: number
}

export const mutants: readonly Mutant[] = [
  {
    name: 'the epoch of a frame is not checked',
    edits: [
      {
        file: 'runtime/worker/session.ts',
        find: 'messages.every(({ type }) => harmless.has(type)) ? undefined : this.#epochFault(link, e)',
        replace: 'undefined as string | undefined',
      },
    ],
  },
  {
    name: 'one timer is forgotten at recovery',
    edits: [
      {
        file: 'runtime/host/timers.ts',
        find: 'for (const timer of stored) this.#recorded?.set',
        replace: 'for (const timer of stored.slice(1)) this.#recorded?.set',
      },
    ],
  },
  {
    name: 'an engine that cannot be asked is believed to have nothing',
    edits: [
      {
        file: 'runtime/worker/recover.ts',
        find: 'cannot say what it has; asking again`, { reason })\n      return undefined',
        replace: 'cannot say what it has; asking again`, { reason })\n      return []',
      },
    ],
  },
  {
    name: 'orphans are removed before all that is desired is known',
    edits: [
      {
        file: 'runtime/worker/recover.ts',
        find: 'if (!desired.isComplete || attempts.get(key) !== undefined) continue',
        replace: 'if (attempts.get(key) !== undefined) continue',
      },
    ],
  },
  {
    name: 'a submission of a task that has ended is taken for a new one',
    edits: [
      {
        file: 'runtime/manager/tasks.ts',
        find: 'const known = await this.specOf(taskId)',
        replace: 'const known = this.#options.book.specs.get(taskId)',
      },
    ],
  },
  {
    name: 'an index of ends that names a live task is believed',
    edits: [
      {
        file: 'runtime/manager/book.ts',
        find: 'if (stepped.before === undefined) turn.put(',
        replace:
          'if (stepped.before === undefined) turn.put(keys.final(revision, context.taskId), new Uint8Array(0))\n    if (stepped.before === undefined) turn.put(',
      },
      {
        file: 'runtime/manager/ended-tasks.ts',
        find: 'if (bytes === undefined || host.actors.has(address) || setAside.has(id)) return',
        replace: 'if (bytes === undefined) return',
      },
      {
        file: 'runtime/manager/ended-tasks.ts',
        find: "record.snapshot.status === 'active' || record.revision !== revision",
        replace: 'false',
      },
    ],
  },
  {
    name: 'the id of a trimmed task is forgotten at once',
    edits: [{ file: 'runtime/manager/ended-tasks.ts', find: 'knownIds.note(id, { ...mark, spec }),', replace: '' }],
  },
  {
    name: 'a reservation is kept when a crash came between the end of its attempt and its release',
    edits: [
      {
        file: 'runtime/manager/book.ts',
        find: 'const open = standing.open\n    if (open === undefined) return',
        replace:
          'const { nodeId, attempt, reserved, taskId } = context\n    const open = standing.open\n    if (open === undefined && nodeId !== undefined) this.#options.placement.reserve(nodeId, taskId, attempt, reserved)\n    if (open === undefined) return',
      },
      { file: 'runtime/manager/workers.ts', find: 'if (!isOpen && !holds.has', replace: 'if (false && !holds.has' },
    ],
  },
  {
    name: 'leases are durable: the absence of a manager is held against its nodes',
    edits: [
      {
        file: 'runtime/manager/liveness.ts',
        find: 'export class Liveness {',
        replace: 'const durable = new Map<string, number>()\n\nexport class Liveness {',
      },
      {
        file: 'runtime/manager/liveness.ts',
        find: 'for (const lease of this.#leases.values()) lease.heardMs = this.#checkedMs',
        replace: 'for (const [nodeId, lease] of this.#leases) lease.heardMs = durable.get(nodeId) ?? this.#checkedMs',
      },
      {
        file: 'runtime/manager/liveness.ts',
        find: 'renew(nodeId: string): void {',
        replace:
          'renew(nodeId: string): void {\n    if (this.#checkedMs > 0) durable.set(nodeId, this.#options.clock.uptimeMs())',
      },
    ],
  },
  {
    name: 'a stream that is coalesced drops a final state',
    edits: [
      {
        file: 'runtime/manager/stream/task-subscriber.ts',
        find: '      if (!match.fitsAlways(task)) continue\n',
        // What comes together with other news is told only as far as it has got, and never as what it has become.
        replace:
          "      if (!match.fitsAlways(task)) continue\n      if (commit.news.length > 1 && ['Completed', 'Failed'].includes(task.state)) continue\n",
      },
    ],
  },
  {
    name: 'a status is acknowledged before it is flushed',
    edits: [
      {
        file: 'runtime/manager/workers.ts',
        find: 'turn.finally(() => session.acknowledge(status))',
        replace: 'session.acknowledge(status)',
      },
    ],
  },
  {
    name: 'the status of an older attempt is applied',
    firstSeed: 13,
    edits: [
      {
        file: 'runtime/manager/workers.ts',
        find: 'book.openOn(nodeId).get(status.taskId) === status.attempt',
        replace: 'book.openOn(nodeId).has(status.taskId)',
      },
      {
        file: 'actors/reconcile.ts',
        find: '!isOpen || status.attempt !== context.attempt',
        replace: '!isOpen',
      },
    ],
  },
  {
    name: 'a reservation is leaked when an attempt fails',
    edits: [
      {
        file: 'runtime/manager/book.ts',
        find: 'if (!isGivenUp(stepped.event)) placement.release',
        replace: "if (!isGivenUp(stepped.event) && stepped.event.type !== 'StartFailed') placement.release",
      },
    ],
  },
  {
    name: 'a node that was refused once is taken to be unfit for ever',
    edits: [
      { file: 'runtime/manager/prospects.ts', find: 'if (verdict === 0) return', replace: 'if (verdict >= 0) return' },
    ],
  },
  {
    name: 'a given-up attempt is taken to use nothing',
    firstSeed: 102,
    edits: [
      {
        file: 'runtime/manager/book.ts',
        find: 'if (!isGivenUp(stepped.event)) placement.release',
        replace: 'placement.release',
      },
      {
        file: 'runtime/manager/workers.ts',
        find: 'if (open.get(taskId) !== attempt) placement.reserve(nodeId, taskId, attempt, reserved, ports)',
        replace: '',
      },
    ],
  },
  {
    name: 'the ports of an attempt are given back as soon as it is to stop',
    firstSeed: 28,
    edits: [
      {
        file: 'runtime/manager/book.ts',
        find: 'if (!isSame || before.action',
        replace:
          "if (isSame && after.action === 'stop') placement.reserve(after.nodeId, after.taskId, after.attempt, after.reserved)\n    if (!isSame || before.action",
      },
    ],
  },
  {
    name: 'a status is reported before it is flushed',
    edits: [
      {
        file: 'runtime/worker/parts.ts',
        find: 'turn.afterwards(() => statuses.note(status))',
        replace: 'statuses.note(status)',
      },
    ],
  },
  {
    name: 'subscribers hear of a step before it is flushed',
    edits: [
      {
        file: 'runtime/manager/book.ts',
        find: 'turn.afterwards(() => this.#options.onCommit(made))',
        replace: 'queueMicrotask(() => this.#options.onCommit(made))',
      },
    ],
  },
  {
    name: 'a node that is drained gets tasks',
    edits: [
      { file: 'actors/schedulers/filters.ts', find: 'admits: (node) => !node.draining', replace: 'admits: () => true' },
    ],
  },
  {
    name: 'one failed health check is one too many',
    edits: [{ file: 'actors/health.ts', find: 'failures >= healthTimes(check).retries', replace: 'failures >= 1' }],
  },
  {
    name: 'a failed flush is taken for a good one',
    edits: [{ file: 'runtime/host/journal.ts', find: 'this.#fail(error as Error)\n', replace: 'continue\n' }],
  },
  {
    name: 'whatever is stored may be lost',
    edits: [
      {
        file: 'runtime/host/turn.ts',
        find: "    this.mayBeLost = false\n    this.ops.push({ type: 'put', key, value })",
        replace: "    this.ops.push({ type: 'put', key, value })",
      },
    ],
  },
]
