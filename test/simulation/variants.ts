/**
 * Defects that are built in on purpose, each a mistake that a change could make: the checkers must notice all of them.
 * They are put around the shipped code, at its ports and on its wire, and need no patch of it.
 */
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

const repeatsNews: Variant = {
  name: 'a subscriber hears everything twice',
  frame: (frame, to) => {
    const { m } = frame as { m: readonly object[] }
    return to.startsWith('client') ? { ...(frame as object), m: m.flatMap((one) => [one, one]) } : frame
  },
}

export const variants: readonly Variant[] = [
  acknowledgesBeforeFlush('manager'),
  acknowledgesBeforeFlush('worker'),
  { name: 'a repeated start starts again', driver: { startsAgain: true } },
  repeatsNews,
  { name: 'a disk keeps half of a batch that a crash tore', keepsTorn: true },
]
