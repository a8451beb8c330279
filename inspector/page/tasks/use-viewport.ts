/** How far the page is scrolled in a list that is part of it, and how much of the list could be seen. */
import type { RefObject } from 'preact'
import { useLayoutEffect, useState } from 'preact/hooks'

export interface Viewport {
  /** How far the list's top is above the window's; negative while it is below it. */
  readonly scrollPx: number
  readonly viewPx: number
  /** Rows are cards of two lines there. */
  readonly isNarrow: boolean
}

const narrow = matchMedia('(max-width: 799px)')

export function useViewport(list: RefObject<HTMLElement | null>): Viewport {
  const [viewport, setViewport] = useState<Viewport>({ scrollPx: 0, viewPx: innerHeight, isNarrow: narrow.matches })
  useLayoutEffect(() => {
    let isScheduled = false
    const read = () => {
      isScheduled = false
      const top = list.current?.getBoundingClientRect().top
      if (top === undefined) return
      const next = { scrollPx: Math.round(-top), viewPx: innerHeight, isNarrow: narrow.matches }
      setViewport((before) => (isSame(before, next) ? before : next))
    }
    const schedule = () => {
      if (isScheduled) return
      isScheduled = true
      requestAnimationFrame(read)
    }
    read()
    // Whatever is above the list may grow: then the page's height changes.
    const observer = new ResizeObserver(schedule)
    observer.observe(document.body)
    addEventListener('scroll', schedule, { passive: true })
    addEventListener('resize', schedule)
    return () => {
      observer.disconnect()
      removeEventListener('scroll', schedule)
      removeEventListener('resize', schedule)
    }
  }, [])
  return viewport
}

const isSame = (one: Viewport, other: Viewport) =>
  one.scrollPx === other.scrollPx && one.viewPx === other.viewPx && one.isNarrow === other.isNarrow
