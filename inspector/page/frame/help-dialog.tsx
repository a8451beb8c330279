/** The keys that work here. */
import { Dialog } from '../ui/dialog.tsx'
import { setShortcutsOn, shortcuts, shortcutsOn } from '../ui/shortcuts.ts'

const always = [
  { keys: 'ArrowUp ArrowDown', does: 'The row before or after, in a list' },
  { keys: 'Home End', does: 'The first or last row' },
  { keys: 'Enter', does: 'Open it' },
  { keys: 'Escape', does: 'Close a dialog, or empty the search' },
]

const names: Readonly<Record<string, string>> = {
  ArrowUp: '↑',
  ArrowDown: '↓',
  ArrowLeft: '←',
  ArrowRight: '→',
  Escape: 'Esc',
  ' ': 'Space',
}

export function HelpDialog({ onClose }: { readonly onClose: () => void }) {
  const listed = new Map([...shortcuts.value, ...always].map((shortcut) => [shortcut.keys, shortcut.does]))
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl class="frame-keys">
        {[...listed].map(([keys, does]) => (
          <div key={keys} class="frame-key">
            <dt>
              {keys.split(/(?<=.) (?=.)/).map((key) => (
                <kbd key={key}>{names[key] ?? key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <label class="frame-keys-switch">
        <input
          type="checkbox"
          checked={shortcutsOn.value}
          onChange={(event) => setShortcutsOn(event.currentTarget.checked)}
        />
        Letters and signs are shortcuts
      </label>
    </Dialog>
  )
}
