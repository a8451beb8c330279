/** Whether plain data is the graph of a machine that can be laid out and drawn. */
import { type ChartGraph, chartLimits } from '../../chart/graph.ts'

const kinds = ['atomic', 'compound', 'parallel', 'final', 'history']
const textLists = ['path', 'entry', 'exit', 'invokes'] as const

/** What is wrong with it, as the end of a sentence; undefined if nothing is. */
export function faultOfGraph(value: unknown): string | undefined {
  const { id, root, transitions } = (value ?? {}) as Partial<ChartGraph>
  if (typeof id !== 'string') return 'the machine has no id'
  const ids = new Set<string>()
  const fault = faultOfState(root, ids, 0)
  if (fault !== undefined) return fault
  if (!Array.isArray(transitions)) return 'it has no list of transitions'
  if (transitions.length > chartLimits.transitionsMax) return 'it has too many transitions to be drawn'
  const bad = transitions.findIndex((transition) => !isTransition(transition, ids))
  return bad < 0 ? undefined : `its transition ${bad} is not whole, or leads to a state that is not there`
}

/** How deep states may lie within one another; no machine that was written by people is near it. */
const depthMax = 100

function faultOfState(value: unknown, ids: Set<string>, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null) return 'a state is missing'
  const state = value as Record<string, unknown>
  const { id, name, kind, states, initial } = state
  if (typeof id !== 'string' || typeof name !== 'string') return 'a state has no name'
  if (ids.has(id)) return `two states are called "${id}"`
  ids.add(id)
  if (ids.size > chartLimits.statesMax || depth > depthMax) return 'it has too many states to be drawn'
  if (!kinds.includes(kind as string)) return `the state "${id}" is of no kind that there is`
  if (!textLists.every((list) => isTexts(state[list])) || !Array.isArray(states))
    return `the state "${id}" is not whole`
  for (const child of states) {
    const fault = faultOfState(child, ids, depth + 1)
    if (fault !== undefined) return fault
  }
  const begins = initial === undefined || (typeof initial === 'string' && ids.has(initial))
  return begins ? undefined : `the state "${id}" begins in one that it does not have`
}

function isTransition(value: unknown, ids: ReadonlySet<string>): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { id, source, targets, kind, event, label, guard, actions } = value as Record<string, unknown>
  const isWritten = [id, source, kind, event, label].every((text) => typeof text === 'string')
  if (!isWritten || !isTexts(targets) || !isTexts(actions)) return false
  if (guard !== undefined && typeof guard !== 'string') return false
  return ids.has(source as string) && (targets as string[]).every((target) => ids.has(target))
}

const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every((text) => typeof text === 'string')
