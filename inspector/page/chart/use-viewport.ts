/** Moves a chart in its place: by wheel, by dragging, by keys, and after the states that are lit. */
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks'
import type { PlacedChart } from '../../chart/layout.ts'
import { svgOf } from './light.ts'
import { beginning, fitting, moved, revealing, type Sight, type Size, zoomed } from './viewport.ts'

export interface ViewportOptions {
  readonly frame: { readonly current: HTMLElement | null }
  readonly canvas: { readonly current: HTMLElement | null }
  readonly chart: PlacedChart
  /** What is drawn: another drawing begins anew. */
  readonly svg: string
  readonly active: readonly string[]
}

export interface Viewport {
  readonly zoom: (by: number) => void
  readonly showAll: () => void
  readonly onKeyDown: (event: KeyboardEvent) => void
}

const keyStepPx = 60
const wheelFactor = 0.0022
/** A hand that presses may shake by as much, in px. */
const draggedPx = 4

export function useViewport({ frame, canvas, chart, svg, active }: ViewportOptions): Viewport {
  const sight = useRef<Sight | undefined>(undefined)
  const place = (): Size => {
    const { clientWidth = 1, clientHeight = 1 } = canvas.current ?? {}
    return { width: Math.max(1, clientWidth), height: Math.max(1, clientHeight) }
  }
  const see = (next: Sight) => {
    sight.current = next
    const { width, height } = place()
    const shown = svgOf(canvas.current)
    shown?.setAttribute('viewBox', `${next.x} ${next.y} ${width / next.scale} ${height / next.scale}`)
    shown?.setAttribute('width', String(width))
    shown?.setAttribute('height', String(height))
    const isWhole = width / next.scale >= chart.width && height / next.scale >= chart.height
    canvas.current?.toggleAttribute('data-movable', !isWhole)
  }
  const change = (next: (sight: Sight, size: Size) => Sight) => {
    if (sight.current !== undefined) see(next(sight.current, place()))
  }
  const reveal = () => {
    const innermost = chart.states.findLast(({ id }) => active.includes(id))
    if (innermost !== undefined) change((now, size) => revealing(now, innermost, chart, size))
  }
  useLayoutEffect(() => {
    const begin = () => {
      see(beginning(chart, place()))
      reveal()
    }
    begin()
    const observer = new ResizeObserver(begin)
    if (frame.current !== null) observer.observe(frame.current)
    return () => observer.disconnect()
  }, [chart, svg])
  useEffect(reveal, [active])
  useEffect(() => {
    const element = canvas.current
    return element === null ? undefined : byPointer(element, (next) => change((now, size) => next(now, chart, size)))
  }, [chart, svg])
  const zoom = (by: number) =>
    change((now, size) => zoomed(now, by, { x: size.width / 2, y: size.height / 2 }, chart, size))
  const showAll = () => see(fitting(chart, place()))
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const isMovable = canvas.current?.hasAttribute('data-movable') === true
    const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if (by !== undefined && isMovable) {
      change((now, size) => moved(now, (by[0] ?? 0) * keyStepPx, (by[1] ?? 0) * keyStepPx, chart, size))
    } else if (event.key === '+' || event.key === '=') zoom(1.25)
    else if (event.key === '-') zoom(0.8)
    else if (event.key === '0') showAll()
    else return
    event.preventDefault()
  }
  return { zoom, showAll, onKeyDown }
}

type Change = (sight: Sight, chart: Size, place: Size) => Sight

/** The wheel zooms with Ctrl (a pinch is that too), so that without it the page scrolls as ever; dragging moves. */
function byPointer(element: HTMLElement, change: (next: Change) => void): () => void {
  const listening = new AbortController()
  const { signal } = listening
  const onWheel = (event: WheelEvent) => {
    if (!event.ctrlKey && !event.metaKey) return
    event.preventDefault()
    const { left, top } = element.getBoundingClientRect()
    const around = { x: event.clientX - left, y: event.clientY - top }
    change((now, chart, size) => zoomed(now, Math.exp(-event.deltaY * wheelFactor), around, chart, size))
  }
  const onPointerDown = (down: PointerEvent) => {
    // A finger scrolls the page; a mouse drags what does not fit.
    if (down.button !== 0 || down.pointerType === 'touch' || !element.hasAttribute('data-movable')) return
    let at = { x: down.clientX, y: down.clientY }
    const dragging = new AbortController()
    let isDragged = false
    const onMove = (event: PointerEvent) => {
      const [dx, dy] = [at.x - event.clientX, at.y - event.clientY]
      at = { x: event.clientX, y: event.clientY }
      isDragged ||= Math.hypot(at.x - down.clientX, at.y - down.clientY) > draggedPx
      change((now, chart, size) => moved(now, dx, dy, chart, size))
    }
    addEventListener('pointermove', onMove, { signal: dragging.signal })
    const onEnd = () => {
      dragging.abort()
      if (isDragged) ignoreClick(element)
    }
    addEventListener('pointerup', onEnd, { signal: dragging.signal })
    addEventListener('pointercancel', onEnd, { signal: dragging.signal })
  }
  element.addEventListener('wheel', onWheel, { passive: false, signal })
  element.addEventListener('pointerdown', onPointerDown, { signal })
  return () => listening.abort()
}

/** The click that ends a drag is meant for nothing that lies under the pointer then. */
function ignoreClick(element: HTMLElement): void {
  const ignoring = new AbortController()
  const options = { capture: true, signal: ignoring.signal }
  element.addEventListener('click', (event) => event.stopImmediatePropagation(), options)
  setTimeout(() => ignoring.abort(), 0)
}
