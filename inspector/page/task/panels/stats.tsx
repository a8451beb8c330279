/** What a task uses, measured while one looks. */
import './stats.css'
import { Empty } from '../../ui/empty.tsx'
import { formatBytes, formatCpus, formatShare } from '../../ui/format.ts'
import type { PanelProps } from '../history.ts'
import { type PlotLine, StatsPlot } from './stats-plot.tsx'
import { type Sample, type StatsSeries, summaryOf } from './stats-series.ts'
import { useStats, type Watching } from './use-stats.ts'

const formatRate = (bytes: number): string => `${formatBytes(bytes)}/s`

export function StatsPanel({ history: { task, source } }: PanelProps) {
  const isFile = source === 'file'
  const { series, watching, version } = useStats(task.id, !isFile)
  const { last } = series
  if (last === undefined) return <Nothing watching={watching} isFile={isFile} isOver={task.finishedAtMs !== null} />
  const hasNet =
    series.columns.received.some((rate) => rate !== null) || series.columns.sent.some((rate) => rate !== null)
  return (
    <section class="stats" aria-label="Stats" data-panel="stats">
      <Numbers series={series} last={last} hasNet={hasNet} isOver={watching.is !== 'watching'} />
      <div class="stats-plots">
        <StatsPlot
          title="CPU"
          unit="cores"
          format={formatCpus}
          at={series.columns.at}
          lines={[{ name: 'cores', values: series.columns.cores, tone: '--running', isFilled: true }]}
          version={version}
        />
        <StatsPlot
          title="Memory"
          unit="bytes"
          format={formatBytes}
          isBytes
          at={series.columns.at}
          lines={memoryLines(series)}
          version={version}
        />
        {hasNet ? (
          <StatsPlot
            title="Network"
            unit="bytes a second"
            format={formatRate}
            isBytes
            at={series.columns.at}
            lines={[
              { name: 'received', values: series.columns.received, tone: '--scheduled', isFilled: false },
              { name: 'sent', values: series.columns.sent, tone: '--failed', isFilled: false, isDashed: true },
            ]}
            version={version}
          />
        ) : undefined}
      </div>
      <p class="stats-note" data-watching={watching.is}>
        {watchingText(watching, source === 'stale')}
      </p>
    </section>
  )
}

/** A limit far above what is used would press the line flat. */
const limitShownShare = 4

function memoryLines({ columns, last }: StatsSeries): PlotLine[] {
  const lines: PlotLine[] = [{ name: 'memory', values: columns.memory, tone: '--completed', isFilled: true }]
  const most = summaryOf(columns.memory)?.most ?? 0
  const limit = last?.memoryLimitBytes
  if (limit === undefined || limit > most * limitShownShare) return lines
  return [...lines, { name: 'limit', values: columns.memoryLimit, tone: '--failed', isFilled: false, isDashed: true }]
}

function watchingText(watching: Watching, isStale: boolean): string {
  if (watching.is === 'ended') return 'The task has ended; this is what was measured while this page looked.'
  if (watching.is === 'failed') return `No more is measured: ${watching.why}`
  if (isStale) return 'It goes on when the connection is back.'
  return 'Measured once a second, and only while somebody looks.'
}

interface NothingProps {
  readonly watching: Watching
  readonly isFile: boolean
  readonly isOver: boolean
}

function Nothing({ watching, isFile, isOver }: NothingProps) {
  if (isFile) return <Empty title="A history that was saved to a file holds no measurements." />
  if (watching.is === 'failed') {
    return (
      <Empty title="This task cannot be measured.">
        <p>{watching.why}</p>
      </Empty>
    )
  }
  if (isOver || watching.is === 'ended') {
    return (
      <Empty title="The task has ended.">
        <p>What a task uses is measured only while it runs and somebody looks; nothing of it is kept.</p>
      </Empty>
    )
  }
  return (
    <Empty title="Waiting for the first measurement.">
      <p>It comes within a second or two of an attempt's start.</p>
    </Empty>
  )
}

interface NumbersProps {
  readonly series: StatsSeries
  readonly last: Sample
  readonly hasNet: boolean
  readonly isOver: boolean
}

function Numbers({ series, last, hasNet, isOver }: NumbersProps) {
  const cores = series.newest('cores')
  const limit = last.memoryLimitBytes
  const received = series.newest('received')
  const sent = series.newest('sent')
  return (
    <dl class={isOver ? 'stats-numbers stats-over' : 'stats-numbers'}>
      <Figure name="CPU" value={cores === undefined ? '–' : formatCpus(cores)} unit={cores === 1 ? 'core' : 'cores'} />
      <Figure
        name="Memory"
        value={formatBytes(last.memoryBytes)}
        unit={limit === undefined ? '' : `of ${formatBytes(limit)} (${formatShare(last.memoryBytes / limit)})`}
      />
      {hasNet ? (
        <Figure name="Received" value={received === undefined ? '–' : formatRate(received)} unit="" />
      ) : undefined}
      {hasNet ? <Figure name="Sent" value={sent === undefined ? '–' : formatRate(sent)} unit="" /> : undefined}
      {last.pids === undefined ? undefined : <Figure name="Processes" value={String(last.pids)} unit="" />}
      <Figure name="Attempt" value={String(last.attempt)} unit="" />
    </dl>
  )
}

function Figure({ name, value, unit }: { readonly name: string; readonly value: string; readonly unit: string }) {
  return (
    <div class="stats-figure">
      <dt>{name}</dt>
      <dd>
        <span class="stats-value">{value}</span> {unit}
      </dd>
    </div>
  )
}
