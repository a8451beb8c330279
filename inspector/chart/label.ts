/**
 * What stands beside an arrow or within a box: transitions, in lines of their own width. Those of one guard are written
 * together, `Exited, StartFailed, Lost [fails]`; each word still knows which transition it stands for.
 */
import type { ChartTransition } from './graph.ts'
import { cutToWidth, textWidth } from './measure.ts'

export const labelSizes = {
  fontPx: 11,
  lineHeightPx: 14,
  /** A line is broken before it gets wider, if it can be. */
  lineWidthMaxPx: 104,
  /** A word that is wider is cut; its whole stands in the title. */
  wordWidthMaxPx: 180,
} as const

export interface Segment {
  readonly text: string
  readonly role: 'event' | 'guard' | 'ignored' | 'plain'
  /** The id of the transition that it stands for. */
  readonly transition?: string
}

export interface Line {
  readonly segments: readonly Segment[]
  readonly width: number
}

export interface Label {
  readonly lines: readonly Line[]
  readonly width: number
  readonly height: number
}

/** Undefined where there is nothing to say. */
export function labelOf(transitions: readonly ChartTransition[]): Label | undefined {
  const groups = new Map<string, ChartTransition[]>()
  for (const transition of transitions) {
    const { guard } = transition
    const key = isIgnored(transition) ? '-' : guard === undefined ? '' : `=${guard}`
    groups.set(key, [...(groups.get(key) ?? []), transition])
  }
  const lines = [...groups.values()].flatMap((group) => breakLines(tokensOf(group)))
  if (lines.length === 0) return undefined
  const width = Math.max(...lines.map((line) => line.width))
  return { lines, width, height: lines.length * labelSizes.lineHeightPx }
}

/** Taken so that it reaches no outer state, and nothing else: XState's way to forbid an event. */
export const isIgnored = ({ targets, actions, guard }: ChartTransition): boolean =>
  targets.length === 0 && actions.length === 0 && guard === undefined

function tokensOf(group: readonly ChartTransition[]): Segment[] {
  const [first] = group
  const events = group.map((transition, index): Segment => {
    const text = cut(transition.label, index < group.length - 1 ? ',' : '')
    return { text, role: isIgnored(transition) ? 'ignored' : 'event', transition: transition.id }
  })
  if (first && isIgnored(first)) return [{ text: 'ignores', role: 'ignored' }, ...events]
  const guard = first?.guard
  return guard === undefined ? events : [...events, { text: `[${cut(guard, '[]')}]`, role: 'guard' }]
}

/** Room is kept for what stands around the text. */
function cut(text: string, around: string): string {
  const { fontPx, wordWidthMaxPx } = labelSizes
  const whole = cutToWidth(text, wordWidthMaxPx - textWidth(around, fontPx), fontPx)
  return around === ',' ? `${whole},` : whole
}

function breakLines(tokens: readonly Segment[]): Line[] {
  const lines: Segment[][] = [[]]
  for (const token of tokens) {
    const last = lines.at(-1) as Segment[]
    if (last.length === 0) last.push(token)
    else if (widthOf([...last, space, token]) <= labelSizes.lineWidthMaxPx) last.push(space, token)
    else lines.push([token])
  }
  return lines.filter((segments) => segments.length > 0).map((segments) => ({ segments, width: widthOf(segments) }))
}

const space: Segment = { text: ' ', role: 'plain' }
const widthOf = (segments: readonly Segment[]): number =>
  textWidth(segments.map(({ text }) => text).join(''), labelSizes.fontPx)
