/** How large the box of a state is, before it has a place. */
import { type ChartGraph, type ChartState, statesWithin } from './graph.ts'
import type { Label } from './label.ts'
import { cutToWidth, textWidth } from './measure.ts'
import { rowsOf } from './wire.ts'

export const boxSizes = {
  namePx: 13,
  /** A longer name is cut; its whole stands in the title. */
  nameWidthMaxPx: 220,
  nameHeightPx: 28,
  besidePx: 12,
  widthMinPx: 64,
  /** The gap under the rows. */
  belowPx: 7,
  /** A history state is a circle. */
  historyPx: 26,
  markPx: 9,
  /** The room that a compound state keeps around what it holds. */
  insidePx: 16,
} as const

export interface Box {
  readonly state: ChartState
  /** Its name, cut to what fits. */
  readonly name: string
  readonly rows: Label | undefined
  /** The least size; a compound state's grows with what it holds. */
  readonly width: number
  readonly height: number
  /** Of a state that holds others: the height of what stands above them. */
  readonly headerHeight: number
}

/** The boxes of all states, by their ids. */
export function boxesOf(graph: ChartGraph): Map<string, Box> {
  const boxes = [...statesWithin(graph.root)].map((state) => [state.id, boxOf(graph, state)] as const)
  return new Map(boxes)
}

function boxOf(graph: ChartGraph, state: ChartState): Box {
  const { namePx, nameWidthMaxPx, nameHeightPx, besidePx, widthMinPx, belowPx, historyPx } = boxSizes
  if (state.kind === 'history') {
    const name = state.history === 'deep' ? 'H*' : 'H'
    return { state, name, rows: undefined, width: historyPx, height: historyPx, headerHeight: 0 }
  }
  const rows = rowsOf(graph, state.id)
  const name = cutToWidth(state.name, nameWidthMaxPx, namePx, true)
  const inner = Math.max(textWidth(name, namePx, true), rows === undefined ? 0 : rows.width)
  const headerHeight = nameHeightPx + (rows === undefined ? 0 : rows.height + belowPx)
  return { state, name, rows, width: Math.max(widthMinPx, inner + 2 * besidePx), height: headerHeight, headerHeight }
}
