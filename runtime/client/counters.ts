/** Counters of one client, for the application to export. Each only grows, except those that say how many there are now. */
export interface Counters {
  /** Requests sent, those asked again included. */
  requests: number
  /** Of those, the ones that were asked again, because no answer or a refusal that passes had come. */
  askedAgain: number
  /** Times that a lost connection came back. */
  reconnects: number
  /** States of tasks that arrived by subscription. */
  views: number
  /** Events of tasks that arrived by subscription. */
  events: number
  /** Positions that could not be resumed from. */
  resets: number
  /** Tasks that somebody listens to, now. */
  tasksHeard: number
  /** Subscriptions that carry them, now. */
  subscriptions: number
}

export const createCounters = (): Counters => ({
  requests: 0,
  askedAgain: 0,
  reconnects: 0,
  views: 0,
  events: 0,
  resets: 0,
  tasksHeard: 0,
  subscriptions: 0,
})
