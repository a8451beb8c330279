/** A line's pieces with the places that a search fits, whatever colours run across them. */
import type { AnsiSpan } from './ansi.ts'
import { cutAt } from './log-store.ts'

export interface MarkedSpan extends AnsiSpan {
  readonly isMatch: boolean
}

export function markSpans(spans: readonly AnsiSpan[], query: string): MarkedSpan[] {
  const pieces = cutAt(spans.map(({ text }) => text).join(''), query)
  if (pieces.length === 1) return spans.map((span) => ({ ...span, isMatch: false }))
  const marked: MarkedSpan[] = []
  let span = 0
  let from = 0
  for (const [index, piece] of pieces.entries()) {
    for (let left = piece.length; left > 0; ) {
      const { text, style } = spans[span] as AnsiSpan
      const taken = Math.min(left, text.length - from)
      if (taken > 0) marked.push({ text: text.slice(from, from + taken), style, isMatch: index % 2 === 1 })
      left -= taken
      from += taken
      if (from === text.length) {
        span += 1
        from = 0
      }
    }
  }
  return marked
}
