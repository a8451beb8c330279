/** A client that writes down all it is told of tasks, across lost connections, and compares it with the later history. */
import { expect } from 'vitest'
import type { TaskEvent, TaskSpec, TaskView } from '../../actors/model.ts'
import type { Client } from '../../runtime/client/client.ts'
import { type Link, openLink } from '../../runtime/client/link.ts'
import { TaskWatch } from '../../runtime/client/watch.ts'
import { openClient as connect } from '../../runtime/connect.ts'
import { systemClock, systemRandom } from '../../runtime/system.ts'
import { until } from './cluster.ts'

/** Longer than any outage that a test brings about. */
const giveUpMs = 120_000

interface Told {
  readonly watch: TaskWatch
  readonly events: TaskEvent[]
  readonly views: TaskView[]
}

export class Ear {
  readonly link: Link
  readonly #told = new Map<string, Told>()
  readonly #resets: string[] = []

  private constructor(link: Link) {
    this.link = link
  }

  static async open(url: string, token: string): Promise<Ear> {
    const dial = () => connect({ url, token, requestMs: 5_000 })
    const options = { clock: systemClock, random: systemRandom, connect: dial, giveUpMs }
    return new Ear(await until('the manager', () => openLink(options).catch(() => undefined)))
  }

  /** Asks until it is acknowledged, and listens from then on. */
  async submit(id: string, spec: TaskSpec): Promise<void> {
    const { task } = await this.ask((client) => client.submit(id, spec))
    const told: Omit<Told, 'watch'> = { events: [], views: [task] }
    const watch = new TaskWatch(this.link, id, {
      onEvent: (event) => told.events.push(event),
      onView: (view) => told.views.push(view),
      onReset: (reason) => this.#resets.push(`${id}: ${reason}`),
    })
    this.#told.set(id, { ...told, watch })
  }

  /** Asks until it is answered. */
  ask<T>(question: (client: Client) => Promise<T>): Promise<T> {
    return this.link.persist(question)
  }

  /** The first state that fits, from now on. */
  until(id: string, fits: (view: TaskView) => boolean): Promise<TaskView> {
    return (this.#told.get(id) as Told).watch.until(fits)
  }

  /** How each task ended. Fails by naming those that have not. */
  async finals(withinMs: number): Promise<TaskView[]> {
    const watches = [...this.#told.values()].map(({ watch }) => watch.final)
    let cancel = () => {}
    const late = new Promise<'late'>((resolve) => {
      cancel = systemClock.setTimer(() => resolve('late'), withinMs)
    })
    const ended = await Promise.race([Promise.all(watches), late])
    cancel()
    if (ended !== 'late') return ended
    const newest = [...this.#told.values()].flatMap(({ views }) => views.at(-1) ?? [])
    const rows = newest.filter(({ finishedAtMs }) => finishedAtMs === null)
    const lines = rows.map(({ id, state, detail, reason }) => `${id} ${state} ${detail} ${reason}`)
    throw new Error([`after ${withinMs} ms there still live`, ...lines].join('\n'))
  }

  /** All transitions that were told of a task, in order. */
  eventsOf(id: string): readonly TaskEvent[] {
    return this.#told.get(id)?.events ?? []
  }

  /** What was told is, to the letter, what the manager has on record now, without a gap and without a step back. */
  async expectNothingTakenBack(): Promise<void> {
    expect(this.#resets).toEqual([])
    for (const [id, { events, views }] of this.#told) {
      const history = await this.#historyOf(id)
      expect(events, `what was told of ${id}`).toEqual(history.slice(0, events.length))
      for (const [at, view] of views.entries()) {
        const before = views[at - 1]
        if (before) expect(view.revision, `${id} goes forward`).toBeGreaterThanOrEqual(before.revision)
        if (before?.finishedAtMs) expect(view, `${id} was final`).toEqual(before)
        const recorded = history.filter(({ revision }) => revision <= view.revision).at(-1)
        if (recorded) expect(view.state, `${id} at ${view.revision}`).toBe(recorded.to.split('.')[0])
      }
    }
  }

  #historyOf(id: string): Promise<readonly TaskEvent[]> {
    return this.ask(
      (client) =>
        new Promise((resolve, reject) => {
          const reading = client.subscribe(
            { topic: 'events', taskId: id, from: 'snapshot' },
            {
              onSnapshot: ({ events }) => {
                void reading.close()
                resolve(events ?? [])
              },
              onEnd: reject,
            },
          )
        }),
    )
  }

  close(): Promise<void> {
    return this.link.close()
  }
}
