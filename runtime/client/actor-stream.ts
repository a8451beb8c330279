/**
 * The actors of a cluster, as they stand and as they step: what an inspector is made of. Live only: after a lost connection
 * it begins anew. A reader that is slow misses steps, and is told how many; it holds about one per actor then.
 */
import { bytesOfActor } from '../../actors/inspection.ts'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { ActorStep, ActorView } from '../../actors/protocol/inspection.ts'
import { StepQueue } from '../../actors/step-queue.ts'
import { type Hearing, NewsReader, type NewsSource } from './news-reader.ts'
import type { StreamOptions } from './time-limit.ts'

/** Which actors are inspected. */
export interface ActorsOptions extends StreamOptions {
  /**
   * `ids`: these tasks (at most 500, by clear beginnings of ids) and their attempts. `nodes`: these nodes, by name or id,
   * each with its worker and session. One of the two. Default: the manager, and all nodes with their workers and sessions.
   */
  readonly filter?: Pick<TaskFilter, 'ids' | 'nodes'>
}

/** What is new of the actors. */
export type ActorNews =
  /** How all of them stand. `isAgain`: it began anew, after a lost connection or because this reader was too slow. */
  | { readonly type: 'Snapshot'; readonly actors: readonly ActorView[]; readonly isAgain: boolean }
  /**
   * What they did since, in the order of each actor. `missed`: so many steps before these were left out, because this
   * reader or the way to it was too slow; the newest of each actor is never among them.
   */
  | { readonly type: 'Steps'; readonly steps: readonly ActorStep[]; readonly missed: number }

/** To be read once. */
export interface ActorStream extends AsyncIterable<ActorNews> {
  /** Ends the iteration quietly. */
  close(): void
}

export type ActorSource = NewsSource & ActorsOptions

export class ActorReader extends NewsReader<ActorNews> implements ActorStream {
  readonly #source: ActorSource
  /** Nobody is told by how much a reader of its own process may be behind: the newest of each actor always fits. */
  readonly #steps = new StepQueue({ bytesMax: Number.POSITIVE_INFINITY })
  #snapshot: Extract<ActorNews, { type: 'Snapshot' }> | undefined
  #snapshots = 0

  constructor(source: ActorSource) {
    super(source)
    this.#source = source
    this.begin('the end of the inspection')
  }

  protected next(): ActorNews | undefined {
    const snapshot = this.#snapshot
    this.#snapshot = undefined
    if (snapshot !== undefined) return snapshot
    const waiting = this.#steps.take()
    return waiting && { type: 'Steps', ...waiting }
  }

  protected drop(): void {
    this.#snapshot = undefined
    this.#steps.take()
  }

  protected progress(): unknown {
    return this.#snapshots
  }

  protected override isFinal(error: unknown): boolean {
    return super.isFinal(error) || (this.#snapshots === 0 && isRefusal(error))
  }

  protected hearing(): Hearing {
    const { filter } = this.#source
    let page: ActorView[] = []
    return {
      ask: { topic: 'actors', from: 'snapshot', ...(filter === undefined ? {} : { filter }) },
      handlers: {
        onSnapshot: ({ actors = [], more }) => {
          page.push(...actors)
          if (more) return
          this.#begin(page)
          page = []
        },
        onSteps: ({ steps, missed }) => this.#add(steps, missed),
      },
    }
  }

  /** What waited is told by it as well. */
  #begin(actors: readonly ActorView[]): void {
    if (this.isClosed) return
    this.#steps.drop()
    this.#snapshot = { type: 'Snapshot', actors, isAgain: this.#snapshots > 0 }
    this.#snapshots += 1
    this.wake()
  }

  #add(steps: readonly ActorStep[], missed = 0): void {
    if (this.isClosed) return
    this.#steps.miss(missed)
    for (const step of steps) this.#steps.add(step, bytesOfActor(step))
    this.wake()
  }
}

/** A limit of the manager's that was reached already. Waiting for another to leave would look like a cluster without actors. */
const isRefusal = (error: unknown): boolean => error instanceof TroupeError && error.code === 'Overloaded'
