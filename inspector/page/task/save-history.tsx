/** The button that saves a task's whole history as one file. */
import { useState } from 'preact/hooks'
import type { LogLine } from '../../../runtime/client/log-lines.ts'
import type { Troupe } from '../../../runtime/client/troupe.ts'
import { troupe } from '../connection.ts'
import { announce } from '../ui/announce.ts'
import { Button } from '../ui/button.tsx'
import type { TaskHistory } from './history.ts'
import { type HistoryOrigin, historyFileOf, type SavedOutput } from './history-file.ts'
import { saveText } from './panels/save-text.ts'

export const savedOutputLimits = {
  /** The newest lines of output that a file holds. */
  linesMax: 20_000,
  /** Characters of output that a file holds, roughly. */
  charsMax: 8_000_000,
  /** How long the output of one attempt is waited for, in milliseconds. */
  waitMs: 10_000,
} as const

export interface SaveHistoryProps {
  readonly history: TaskHistory
  readonly origin: HistoryOrigin
}

export function SaveHistory({ history, origin }: SaveHistoryProps) {
  const [busy, setBusy] = useState(false)
  const save = async () => {
    setBusy(true)
    const output =
      history.output === undefined ? await outputOf(troupe.value, history) : { lines: history.output, note: null }
    saveText(`${history.task.id}.history.json`, `${JSON.stringify(historyFileOf(history, origin, output), null, 1)}\n`)
    announce('The history was saved.')
    setBusy(false)
  }
  return (
    <Button busy={busy} onClick={() => void save()} title="One file that this page opens without a manager">
      {busy ? 'Reading its output …' : 'Save history'}
    </Button>
  )
}

/** The newest output of all attempts that is still there, as far as the limits go. */
async function outputOf(from: Troupe | undefined, { task }: TaskHistory): Promise<SavedOutput> {
  const attempts: LogLine[][] = []
  const missing: string[] = []
  let left: number = savedOutputLimits.linesMax
  let chars: number = savedOutputLimits.charsMax
  if (from === undefined) return { lines: [], note: 'There was no manager to ask for its output.' }
  for (let attempt = task.attempt; attempt > 0 && left > 0 && chars > 0; attempt -= 1) {
    const lines: LogLine[] = []
    try {
      const onIncomplete = (number: number, why: string) => missing.push(`attempt ${number}: ${why}`)
      const options = { attempt, timeoutMs: savedOutputLimits.waitMs, onIncomplete }
      for await (const line of from.logs(task.id, options)) {
        lines.push(line)
        if (lines.length > left * 2) lines.splice(0, lines.length - left)
      }
    } catch (error) {
      missing.push(`attempt ${attempt}: ${error instanceof Error ? error.message : String(error)}`)
    }
    const kept = lines.slice(-left)
    attempts.push(kept)
    left -= kept.length
    chars -= kept.reduce((sum, { text }) => sum + text.length, 0)
    // Of an attempt long gone there is no output, and of those before it neither.
    if (kept.length === 0 && attempts.length > 3) break
  }
  const note = missing.length === 0 ? null : missing.join('; ')
  return { lines: attempts.reverse().flat(), note }
}
