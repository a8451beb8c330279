/**
 * Defects that are built in on purpose, each a mistake that a change could make: the checkers must notice all of them.
 * They are put around the shipped code, at its ports and on its wire, and need no patch of it.
 */
import type { AttemptStatus } from '../../actors/model.ts'
import { type ActorRecord, decodeRecord, encodeRecord } from '../../runtime/host/record.ts'
import type { Storage } from '../../runtime/storage/storage.ts'
import type { Variant } from './cluster.ts'

/** The same store with some of its verbs replaced. */
const instead = (inner: Storage, verbs: Partial<Storage>): Storage => ({
  supports: inner.supports,
  get: (key) => inner.get(key),
  batch: (ops, options) => inner.batch(ops, options),
  scan: (range) => inner.scan(range),
  deleteRange: (gte, lt, options) => inner.deleteRange(gte, lt, options),
  close: () => inner.close(),
  ...verbs,
})

const acknowledgesBeforeFlush = (site: string): Variant => ({
  name: `${site} acknowledges before the flush`,
  storage: (inner, at) => {
    if (!at.startsWith(site)) return inner
    return instead(inner, {
      batch: async (ops, options) => {
        inner.batch(ops, options).catch(() => undefined)
      },
    })
  },
})

const skipsTheEpochCheck: Variant = {
  name: 'the epoch of a frame is not checked',
  forgedEpoch: (current) => current,
}

const forgetsTimers: Variant = {
  name: 'a timer is forgotten at recovery',
  storage: (inner, site) => {
    if (site !== 'manager') return inner
    return instead(inner, {
      async *scan(range) {
        for await (const [key, value] of inner.scan(range)) {
          if (!key.startsWith('task/')) yield [key, value]
          else yield [key, encodeRecord({ ...(decodeRecord(value) as ActorRecord), timers: [] })]
        }
      },
    })
  },
}

const losesTheDedupe: Variant = {
  name: 'a submission of a known id is taken for a new one',
  storage: (inner, site) => {
    if (site !== 'manager') return inner
    return instead(inner, {
      get: async (key) => {
        const bytes = key.startsWith('spec/') ? await inner.get(key.replace('spec/', 'task/')) : undefined
        const isFinal = bytes !== undefined && (decodeRecord(bytes) as ActorRecord).snapshot.status !== 'active'
        return isFinal ? undefined : inner.get(key)
      },
    })
  },
}

type Statuses = { readonly type: string; readonly attempts: readonly AttemptStatus[] }

const acknowledgesStatusesEarly: Variant = {
  name: 'a status is acknowledged before it is flushed',
  frame: (frame, to, connection) => {
    const { e, m } = frame as { e?: number; m: readonly Statuses[] }
    if (!to.startsWith('manager') || e === undefined) return frame
    for (const { type, attempts } of m) {
      if (type !== 'Status') continue
      const acks = attempts.map(({ taskId, attempt, seq, end }) => ({ taskId, attempt, seq, ended: end !== undefined }))
      connection.send({ e, m: [{ type: 'StatusAck', attempts: acks }] })
    }
    return frame
  },
}

type Delta = { readonly type: string; readonly task?: { readonly finishedAtMs: number | null } }

const dropsFinalStates: Variant = {
  name: 'a final state is lost on the way to a subscriber',
  frame: (frame, to) => {
    if (!to.startsWith('client')) return frame
    const m = (frame as { m: readonly Delta[] }).m.filter(({ type, task }) => {
      return type !== 'Delta' || task === undefined || task.finishedAtMs === null
    })
    return m.length === 0 ? undefined : { ...(frame as object), m }
  },
}

const repeatsNews: Variant = {
  name: 'a subscriber hears everything twice',
  frame: (frame, to) => {
    const { m } = frame as { m: readonly Delta[] }
    return to.startsWith('client') ? { ...(frame as object), m: m.flatMap((one) => [one, one]) } : frame
  },
}

export const variants: readonly Variant[] = [
  acknowledgesBeforeFlush('manager'),
  acknowledgesBeforeFlush('worker'),
  skipsTheEpochCheck,
  forgetsTimers,
  { name: 'a repeated start starts again', driver: { startsAgain: true } },
  { name: 'an engine that is away is believed to have nothing', driver: { listsNothingWhileAway: true } },
  losesTheDedupe,
  dropsFinalStates,
  repeatsNews,
  acknowledgesStatusesEarly,
]
