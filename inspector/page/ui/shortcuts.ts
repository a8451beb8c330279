/** Keys that do something anywhere in the page, and the list of them that the help shows. */
import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'

export interface Shortcut {
  /** As `KeyboardEvent.key` has it: `/`, `?`, `Escape`; or two in a row: `g t`. */
  readonly keys: string
  /** What it does, for the help. */
  readonly does: string
}

interface Registered extends Shortcut {
  readonly run: (event: KeyboardEvent) => void
}

/** How long the second of two keys may take, in milliseconds. */
const sequenceMs = 1_200
const storageKey = 'troupe.shortcuts'

/** All that work where the page is now, in the order in which they came. */
export const shortcuts = signal<readonly Shortcut[]>([])
/** Single keys may be in the way of who speaks to their computer; the help turns them off. */
export const shortcutsOn = signal(read())

let registered: readonly Registered[] = []
let first: { readonly key: string; readonly atMs: number } | undefined

export function setShortcutsOn(on: boolean): void {
  shortcutsOn.value = on
  try {
    localStorage.setItem(storageKey, on ? 'on' : 'off')
  } catch {}
}

function read(): boolean {
  try {
    return localStorage.getItem(storageKey) !== 'off'
  } catch {
    return true
  }
}

/** Has a key do something while the component is drawn. It means nothing while one types, or while a dialog is open. */
export function useShortcut(keys: string, does: string, run: (event: KeyboardEvent) => void): void {
  const newest = useRef(run)
  newest.current = run
  useEffect(() => {
    const shortcut: Registered = { keys, does, run: (event) => newest.current(event) }
    registered = [...registered, shortcut]
    shortcuts.value = registered
    return () => {
      registered = registered.filter((other) => other !== shortcut)
      shortcuts.value = registered
    }
  }, [keys, does])
}

addEventListener('keydown', (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return
  if (!shortcutsOn.value && event.key.length === 1) return
  if (isTyping(event.target) || document.querySelector('dialog[open]') !== null) return
  const sequence = first !== undefined && event.timeStamp - first.atMs < sequenceMs ? `${first.key} ${event.key}` : ''
  first = undefined
  // The newest wins: a view's own key before the frame's.
  const found =
    registered.findLast(({ keys }) => keys === sequence) ?? registered.findLast(({ keys }) => keys === event.key)
  if (found !== undefined) {
    event.preventDefault()
    found.run(event)
  } else if (registered.some(({ keys }) => keys.startsWith(`${event.key} `))) {
    first = { key: event.key, atMs: event.timeStamp }
  }
})

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement)
    return true
  return target instanceof HTMLInputElement && !['checkbox', 'radio', 'range', 'button', 'submit'].includes(target.type)
}
