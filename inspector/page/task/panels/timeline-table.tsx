/** The same as the bars, in numbers: for who does not see them, and for who wants to know exactly. */
import { formatDuration } from '../../ui/format.ts'
import { type AttemptBar, attemptName, phaseKinds, phaseWords, totalsOf } from './phases.ts'

export function TimelineTable({
  bars,
  isVisible,
}: {
  readonly bars: readonly AttemptBar[]
  readonly isVisible: boolean
}) {
  return (
    <div class={isVisible ? 'timeline-numbers' : 'visually-hidden'} tabIndex={isVisible ? 0 : undefined}>
      <table class="table">
        <caption class="visually-hidden">How long each attempt was at what</caption>
        <thead>
          <tr>
            <th scope="col">Attempt</th>
            <th scope="col">Node</th>
            {phaseKinds.map((kind) => (
              <th key={kind} scope="col" class="number">
                {phaseWords[kind]}
              </th>
            ))}
            <th scope="col">End</th>
          </tr>
        </thead>
        <tbody>
          {bars.map((bar) => (
            <BarRow key={bar.attempt} bar={bar} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

function BarRow({ bar }: { readonly bar: AttemptBar }) {
  const totals = totalsOf(bar)
  return (
    <tr>
      <th scope="row">{bar.isPlaced ? bar.attempt : attemptName(bar)}</th>
      <td>{bar.node ?? '–'}</td>
      {phaseKinds.map((kind) => {
        const ms = totals.get(kind)
        return (
          <td key={kind} class="number">
            {ms === undefined ? '–' : formatDuration(ms)}
          </td>
        )
      })}
      <td>{bar.end ?? 'goes on'}</td>
    </tr>
  )
}
