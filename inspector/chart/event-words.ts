/** XState's descriptors of events in the words of people. */
import type { StateNodeLike, TransitionKind } from './graph.ts'

export interface EventWords {
  readonly kind: TransitionKind
  readonly label: string
}

const units = [
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** What a descriptor in a state's own table stands for. */
export function eventWords(event: string, node: Pick<StateNodeLike, 'id' | 'invoke'>): EventWords {
  const own = (prefix: string) => (event.startsWith(prefix) ? event.slice(prefix.length) : undefined)
  const delay = own('xstate.after.')
  if (delay?.endsWith(`.${node.id}`)) {
    return { kind: 'after', label: `after ${delayText(delay.slice(0, -node.id.length - 1))}` }
  }
  if (own('xstate.done.state.') !== undefined) return { kind: 'done', label: 'done' }
  const invoked = (id: string) => nameOfInvoked(node, id)
  const done = own('xstate.done.actor.')
  if (done !== undefined) return { kind: 'done', label: `${invoked(done)} done` }
  const failed = own('xstate.error.actor.')
  if (failed !== undefined) return { kind: 'error', label: `${invoked(failed)} failed` }
  const snapshot = own('xstate.snapshot.')
  if (snapshot !== undefined) return { kind: 'snapshot', label: `${invoked(snapshot)} changed` }
  if (event === '*') return { kind: 'wildcard', label: 'any event' }
  return { kind: event.endsWith('.*') ? 'wildcard' : 'event', label: event }
}

/** `1.5 s` for 1500; a delay that has a name keeps it. */
function delayText(delay: string): string {
  if (!/^\d+(\.\d+)?$/.test(delay)) return delay
  const ms = Number(delay)
  const [unit, size] = units.find(([, least]) => ms >= least) ?? ['ms', 1]
  return `${Number((ms / size).toFixed(2))} ${unit}`
}

function nameOfInvoked(node: Pick<StateNodeLike, 'invoke'>, id: string): string {
  const src = node.invoke.find((invoked) => invoked.id === id)?.src
  // XState makes up an id where none is given; the name of what is invoked says more.
  return typeof src === 'string' && /^\d+\./.test(id) ? src : id
}
