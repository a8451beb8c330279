/**
 * A statechart that shows where a machine stands: drawn once, then lit by classes. The states on the path are lit, the last
 * transition flashes, and small marks say how often each was taken and how long each state held.
 */
import './chart.css'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { ChartGraph, ChartTransition } from '../../chart/graph.ts'
import type { PlacedChart } from '../../chart/layout.ts'
import { drawMermaid } from '../../chart/mermaid.ts'
import { drawSvg } from '../../chart/svg.ts'
import { saveText } from '../task/panels/save-text.ts'
import { announce } from '../ui/announce.ts'
import { Button } from '../ui/button.tsx'
import { Empty } from '../ui/empty.tsx'
import { type Lit, light, svgOf } from './light.ts'
import { statesOn } from './trace.ts'
import { useCharts } from './use-charts.ts'
import { useViewport } from './use-viewport.ts'

export interface ChartViewProps extends Lit {
  /** The name of one of Troupe's own machines, or any machine as a graph. */
  readonly machine: string | ChartGraph
  /** Rises with each step, so that the same transition flashes again. */
  readonly step?: number | undefined
  /** What is pressed in the chart; without it nothing there can be. */
  readonly onTransition?: ((transition: ChartTransition) => void) | undefined
}

/** Below this width of its place, in px, a chart that has an outline is drawn as that: the whole would show a corner of itself. */
const outlineBelowPx = 760

export function ChartView({ machine, step = 0, onTransition, ...lit }: ChartViewProps) {
  const { charts, failure, again } = useCharts(machine)
  if (failure !== undefined) {
    return (
      <Empty title="The chart cannot be drawn." failing>
        <p>{failure}</p>
        <Button onClick={again}>Try again</Button>
      </Empty>
    )
  }
  if (charts === undefined) return <div class="chart chart-waiting" aria-busy="true" />
  return <Drawn charts={charts} step={step} onTransition={onTransition} lit={lit} />
}

interface DrawnProps {
  readonly charts: { readonly whole: PlacedChart; readonly outline?: PlacedChart }
  readonly step: number
  readonly onTransition: ChartViewProps['onTransition']
  readonly lit: Lit
}

function Drawn({ charts, step, onTransition, lit }: DrawnProps) {
  const frame = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLDivElement>(null)
  const [wish, setWish] = useState<'whole' | 'outline'>()
  const [isNarrow, setNarrow] = useState(false)
  useLayoutEffect(() => {
    const element = frame.current as HTMLDivElement
    const measure = () => setNarrow(element.clientWidth < outlineBelowPx)
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    return () => observer.disconnect()
  }, [])
  const { whole, outline } = charts
  const isOutline = outline !== undefined && (wish === undefined ? isNarrow : wish === 'outline')
  const chart = isOutline ? outline : whole
  const svg = useMemo(() => drawSvg(chart), [chart])
  // Our own drawing, with every text escaped; one object, so that what is lit in it stays.
  const html = useMemo(() => ({ __html: svg }), [svg])
  const active = useMemo(() => statesOn(whole.graph, lit.value), [whole, lit.value])
  const viewport = useViewport({ frame, canvas, chart, svg, active })
  useLayoutEffect(() => {
    light(svgOf(canvas.current), chart, { active, lit, step })
  })
  useTransitions(canvas, chart, onTransition)
  const name = textOf(chart, active, lit)
  return (
    <figure class="chart" data-machine={chart.graph.id} data-value={lit.value} data-outline={isOutline}>
      <div class="chart-frame" ref={frame}>
        <div
          class={onTransition === undefined ? 'chart-canvas' : 'chart-canvas chart-canvas-pressed'}
          ref={canvas}
          role="img"
          aria-label={name}
          // biome-ignore lint/a11y/noNoninteractiveTabindex: what is moved by keys must be reachable.
          tabIndex={0}
          onKeyDown={viewport.onKeyDown}
          dangerouslySetInnerHTML={html}
        />
      </div>
      <Tools chart={chart} canvas={canvas}>
        {outline === undefined ? undefined : (
          <Button kind="quiet" aria-pressed={isOutline} onClick={() => setWish(isOutline ? 'whole' : 'outline')}>
            Outline
          </Button>
        )}
        <fieldset class="chart-zoom" aria-label="Zoom">
          <Button kind="quiet" aria-label="Zoom in" title="Zoom in (+)" onClick={() => viewport.zoom(1.4)}>
            +
          </Button>
          <Button kind="quiet" aria-label="Zoom out" title="Zoom out (−)" onClick={() => viewport.zoom(1 / 1.4)}>
            −
          </Button>
          <Button kind="quiet" title="The whole chart (0)" onClick={viewport.showAll}>
            Fit
          </Button>
        </fieldset>
      </Tools>
    </figure>
  )
}

interface ToolsProps {
  readonly chart: PlacedChart
  readonly canvas: { readonly current: HTMLElement | null }
  readonly children: ComponentChildren
}

function Tools({ chart, canvas, children }: ToolsProps) {
  const { graph } = chart
  const save = () => {
    const copy = svgOf(canvas.current)?.cloneNode(true) as SVGSVGElement | undefined
    if (copy === undefined) return
    for (const mark of copy.querySelectorAll('.chart-marks')) mark.remove()
    copy.removeAttribute('aria-hidden')
    copy.setAttribute('viewBox', `0 0 ${chart.width} ${chart.height}`)
    copy.setAttribute('width', String(chart.width))
    copy.setAttribute('height', String(chart.height))
    saveText(`${graph.id}.svg`, new XMLSerializer().serializeToString(copy))
  }
  const copyMermaid = async () => {
    const text = drawMermaid(graph)
    try {
      await navigator.clipboard.writeText(text)
      announce('The chart is in the clipboard, as Mermaid.')
    } catch {
      // No clipboard where the page is not trusted with it: a file does as well.
      saveText(`${graph.id}.mmd`, text)
    }
  }
  return (
    <figcaption class="chart-tools">
      {children}
      <Button kind="quiet" onClick={save}>
        Save SVG
      </Button>
      <Button kind="quiet" onClick={() => void copyMermaid()}>
        Copy Mermaid
      </Button>
    </figcaption>
  )
}

/** Transitions that are pressed with the mouse; whoever offers it has the same elsewhere for the keyboard. */
function useTransitions(
  canvas: { readonly current: HTMLElement | null },
  { graph }: PlacedChart,
  onTransition: ChartViewProps['onTransition'],
): void {
  useEffect(() => {
    const element = canvas.current
    if (element === null || onTransition === undefined) return undefined
    const onClick = (event: Event) => {
      const edge = (event.target as Element).closest('[data-edge]')?.getAttribute('data-edge')
      const transition = graph.transitions.find(({ id }) => id === edge)
      if (transition !== undefined) onTransition(transition)
    }
    element.addEventListener('click', onClick)
    return () => element.removeEventListener('click', onClick)
  }, [graph, onTransition])
}

/** What the chart shows, in words. */
function textOf({ graph }: PlacedChart, active: readonly string[], { taken }: Lit): string {
  const innermost = active.at(-1)?.slice(graph.id.length + 1)
  const stands = innermost === undefined || innermost === '' ? '' : `; it is in ${innermost.replaceAll('.', ', ')}`
  const last = graph.transitions.find(({ id }) => id === taken)
  return `Statechart of ${graph.id}${stands}${last === undefined ? '' : `; the last transition was by ${last.label}`}`
}
