/** What is offered as a track, what is reserved of it as a broad bar, what is really used as a thin one within. */
import { type Amount, shareOf } from './node-sums.ts'

export interface AmountBarProps {
  readonly amount: Amount
}

/** Only for who sees it: its words must stand beside it. */
export function AmountBar({ amount: { offered, reserved, used } }: AmountBarProps) {
  const usedShare = shareOf(used, offered)
  return (
    <span class="nodes-bar" aria-hidden="true" data-over={usedShare > 1 ? '' : undefined}>
      <span class="nodes-bar-reserved" style={{ width: percent(shareOf(reserved, offered)) }} />
      {used === undefined ? undefined : <span class="nodes-bar-used" style={{ width: percent(usedShare) }} />}
    </span>
  )
}

const percent = (share: number) => `${(Math.min(1, share) * 100).toFixed(1)}%`

/** What the parts of a bar mean. */
export const BarLegend = () => (
  <p class="nodes-legend">
    <span class="nodes-legend-part">
      <span class="nodes-legend-mark nodes-bar-reserved" aria-hidden="true" /> reserved by tasks
    </span>
    <span class="nodes-legend-part">
      <span class="nodes-legend-mark nodes-legend-thin nodes-bar-used" aria-hidden="true" /> used by the whole machine
    </span>
    <span class="nodes-legend-part">
      <span class="nodes-legend-mark nodes-legend-track" aria-hidden="true" /> offered
    </span>
  </p>
)
