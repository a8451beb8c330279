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
}

export const mutants: readonly Mutant[] = [
  {
    name: 'the status of an older attempt is applied',
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
    name: 'a given-up attempt is taken to use nothing',
    edits: [
      {
        file: 'runtime/manager/book.ts',
        find: 'if (!isGivenUp(stepped.event)) placement.release',
        replace: 'placement.release',
      },
      {
        file: 'runtime/manager/workers.ts',
        find: 'if (open.get(taskId) !== attempt) placement.reserve(nodeId, taskId, attempt, reserved)',
        replace: '',
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
        find: 'turn.afterwards(() => this.#options.onNews(news))',
        replace: 'queueMicrotask(() => this.#options.onNews(news))',
      },
    ],
  },
  {
    name: 'a failed flush is taken for a good one',
    edits: [{ file: 'runtime/host/journal.ts', find: 'this.#fail(error as Error)\n', replace: 'continue\n' }],
  },
]
