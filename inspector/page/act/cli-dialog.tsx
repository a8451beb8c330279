/** The same on the command line, to copy. */
import './act.css'
import { useState } from 'preact/hooks'
import { announce } from '../ui/announce.ts'
import { Button } from '../ui/button.tsx'
import { Dialog } from '../ui/dialog.tsx'
import type { CliLine } from './cli-lines.ts'

export interface CliDialogProps {
  readonly lines: readonly CliLine[]
  readonly onClose: () => void
}

export function CliDialog({ lines, onClose }: CliDialogProps) {
  const [copied, setCopied] = useState<string>()
  const copy = async (line: string) => {
    try {
      await navigator.clipboard.writeText(line)
      setCopied(line)
      announce('Copied')
    } catch {
      announce('The browser does not let this page copy; choose the text and copy it.')
    }
  }
  return (
    <Dialog title="On the command line" onClose={onClose} wide>
      <ul class="act-lines">
        {lines.map(({ does, line }) => (
          <li key={line}>
            <p class="act-line-does">{does}</p>
            <p class="act-line">
              <code>{line}</code>
              <Button kind="quiet" aria-label={`Copy: ${line}`} onClick={() => void copy(line)}>
                {copied === line ? 'Copied' : 'Copy'}
              </Button>
            </p>
          </li>
        ))}
      </ul>
      <p class="act-hint">The token is taken from the manager’s data folder, or from TROUPE_TOKEN.</p>
    </Dialog>
  )
}
