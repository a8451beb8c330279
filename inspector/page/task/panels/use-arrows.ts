/** One stop of the Tab key for a list of rows that are not all drawn; the arrows move among them. */
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Rows } from './use-rows.ts'

const pageRows = 10

export interface Arrows {
  /** The row that the Tab key stops at: an index. */
  readonly focused: number
  readonly onKeyDown: (event: KeyboardEvent) => void
}

/** Rows bear their index as `data-row`. `start` is where it begins, and where it goes when that changes. */
export function useArrows(rows: Rows, count: number, start: number): Arrows {
  const [focused, setFocused] = useState(start)
  const wanted = useRef<number | undefined>(undefined)
  useEffect(() => setFocused(start), [start])
  useEffect(() => {
    if (wanted.current === undefined) return
    const row = rows.box.current?.querySelector<HTMLElement>(`[data-row="${wanted.current}"]`)
    if (row === null || row === undefined) return
    wanted.current = undefined
    row.focus({ preventScroll: true })
  })
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    // Keys may come faster than rows are drawn.
    const row = (event.target as Element).closest('[data-row]')?.getAttribute('data-row')
    const at = wanted.current ?? Number(row ?? focused)
    const next = {
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      PageDown: at + pageRows,
      PageUp: at - pageRows,
      Home: 0,
      End: count - 1,
    }[event.key]
    if (next === undefined || count === 0) return
    event.preventDefault()
    const index = Math.min(count - 1, Math.max(0, next))
    wanted.current = index
    setFocused(index)
    rows.reveal(index)
  }
  // What is out of sight cannot have the Tab key's stop: the nearest row in sight has it.
  const { from, to } = rows.window
  return { focused: Math.min(Math.max(focused, from), Math.max(from, to - 1)), onKeyDown }
}
