/** A box that draws only the rows in sight, and stays at the newest until one scrolls up. */
import type { RefObject } from 'preact'
import { useCallback, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type RowsShape, type RowsWindow, topOf, windowOf } from './rows.ts'

/** So near the end, in pixels, counts as at the end. */
const endPx = 24

export interface RowsGiven extends RowsShape {
  /** How many rows were let go of at the beginning so far: what one reads stays where it is when more go. */
  readonly gone?: number
  /** Whether it begins at its end. Default true. */
  readonly fromEnd?: boolean
}

export interface Rows<Box extends HTMLElement = HTMLDivElement> {
  readonly box: RefObject<Box | null>
  readonly window: RowsWindow
  readonly onScroll: () => void
  /** It stays at the newest row. */
  readonly isFollowing: boolean
  /** Goes to the newest row and stays there. */
  readonly toEnd: () => void
  /** Scrolls as little as is needed for a row to be seen, and follows no more. */
  readonly reveal: (index: number) => void
}

export function useRows<Box extends HTMLElement = HTMLDivElement>({
  gone = 0,
  fromEnd = true,
  ...shape
}: RowsGiven): Rows<Box> {
  const box = useRef<Box>(null)
  const [place, setPlace] = useState({ scrollPx: 0, viewPx: 600 })
  const [isFollowing, setFollowing] = useState(fromEnd)
  const newest = useRef({ shape, isFollowing, gone })
  newest.current.shape = shape

  const follow = useCallback((on: boolean) => {
    newest.current.isFollowing = on
    setFollowing(on)
  }, [])
  const measure = useCallback(() => {
    const element = box.current
    if (element === null) return
    const { scrollTop: scrollPx, clientHeight: viewPx } = element
    setPlace((before) => (before.scrollPx === scrollPx && before.viewPx === viewPx ? before : { scrollPx, viewPx }))
  }, [])
  const onScroll = useCallback(() => {
    const element = box.current
    if (element === null) return
    follow(element.scrollTop + element.clientHeight >= element.scrollHeight - endPx)
    measure()
  }, [])
  const toEnd = useCallback(() => {
    follow(true)
    if (box.current !== null) box.current.scrollTop = box.current.scrollHeight
    measure()
  }, [])
  const reveal = useCallback((index: number) => {
    const element = box.current
    if (element === null) return
    const top = topOf(newest.current.shape, index)
    const bottom = top + newest.current.shape.rowPx
    const isSeen = top >= element.scrollTop && bottom <= element.scrollTop + element.clientHeight
    if (!isSeen) element.scrollTop = Math.max(0, top - element.clientHeight / 2)
    follow(element.scrollTop + element.clientHeight >= element.scrollHeight - endPx && isSeen)
    measure()
  }, [])

  useLayoutEffect(() => {
    if (box.current === null) return undefined
    const observer = new ResizeObserver(() => {
      if (newest.current.isFollowing) toEnd()
      else measure()
    })
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(() => {
    const element = box.current
    if (element === null) return
    const went = gone - newest.current.gone
    newest.current.gone = gone
    if (newest.current.isFollowing) element.scrollTop = element.scrollHeight
    else if (went > 0) element.scrollTop = Math.max(0, element.scrollTop - went * shape.rowPx)
    measure()
  }, [shape.count, shape.extras, shape.rowPx, gone])

  return { box, window: windowOf(shape, place.scrollPx, place.viewPx), onScroll, isFollowing, toEnd, reveal }
}
