/** The width that an element has, for drawings that are made to measure. */
import type { RefObject } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'

/** The element to measure, and its width in pixels: 0 until it is drawn. */
export function useWidth<T extends Element>(): readonly [RefObject<T | null>, number] {
  const element = useRef<T>(null)
  const [width, setWidth] = useState(0)
  useLayoutEffect(() => {
    if (element.current === null) return undefined
    const measure = () => setWidth(Math.floor(element.current?.getBoundingClientRect().width ?? 0))
    const observer = new ResizeObserver(measure)
    observer.observe(element.current)
    measure()
    return () => observer.disconnect()
  }, [])
  return [element, width]
}
