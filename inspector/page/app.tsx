/** The frame around every view. */
import './frame/frame.css'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { RunButton, RunDialog } from './act/run-dialog.tsx'
import { SendDialog } from './act/send-dialog.tsx'
import { connectionState, isStandalone, troupe } from './connection.ts'
import { FailedPage } from './frame/failed-page.tsx'
import { Header, StaleBanner } from './frame/header.tsx'
import { HelpDialog } from './frame/help-dialog.tsx'
import { isRunDialogOpen, openRunDialog } from './frame/run-dialog.ts'
import { placeOf, titleOf } from './frame/titles.ts'
import { TokenPage } from './frame/token-page.tsx'
import { View } from './frame/view.tsx'
import { arrivalPx, route } from './navigation.ts'
import type { Route } from './route.ts'
import { announcement } from './ui/announce.ts'
import { useShortcut } from './ui/shortcuts.ts'

/** How long a view may take to draw its heading for the focus to come to it, in milliseconds. */
const settleMs = 3_000

export function App() {
  const [help, setHelp] = useState(false)
  const main = useRef<HTMLElement>(null)
  usePlace(main)
  useShortcut('g t', 'Tasks', () => void location.assign('#/tasks'))
  useShortcut('g n', 'Nodes', () => void location.assign('#/nodes'))
  useShortcut('g a', 'Actors', () => void location.assign('#/actors'))
  useShortcut('g f', 'Files', () => void location.assign('#/file'))
  useShortcut('?', 'These keys', () => setHelp(true))
  return (
    <div class="frame">
      {/* No link, for the fragment is the page's address. */}
      <button type="button" class="frame-skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Header onHelp={() => setHelp(true)}>
        {troupe.value === undefined ? undefined : <RunButton onOpen={openRunDialog} />}
      </Header>
      <StaleBanner />
      <main
        class="frame-main"
        ref={main}
        tabIndex={-1}
        data-stale={connectionState.value.type === 'stale' ? '' : undefined}
      >
        <Content route={route.value} />
      </main>
      <p class="visually-hidden" role="status">
        {announcement.value}
      </p>
      {isRunDialogOpen.value ? <RunDialog /> : undefined}
      <SendDialog />
      {help ? <HelpDialog onClose={() => setHelp(false)} /> : undefined}
    </div>
  )
}

function Content({ route }: { readonly route: Route }) {
  const state = connectionState.value
  // No manager is asked by a page that was opened from a file: all it can show is files.
  if (isStandalone) return <View route={{ view: 'file' }} />
  if (route.view === 'file' || troupe.value !== undefined) {
    // A token that was refused since is no reason to take away what is shown, but to say so.
    if (state.type !== 'wrong-token') return <View route={route} />
  }
  switch (state.type) {
    case 'no-token':
    case 'wrong-token':
      return <TokenPage isWrong={state.type === 'wrong-token'} />
    case 'failed':
      return <FailedPage why={state.why} again={state.again} />
    default:
      return <h1 class="visually-hidden">Connecting to the manager</h1>
  }
}

/** Names the window after the view, and brings the focus to its heading where another view was before. */
function usePlace(main: { readonly current: HTMLElement | null }): void {
  const title = titleOf(route.value)
  const place = placeOf(route.value)
  const before = useRef(place)
  useEffect(() => {
    document.title = title
  }, [title])
  useLayoutEffect(() => {
    if (before.current === place) return
    before.current = place
    scrollTo(0, arrivalPx())
    const landmark = main.current
    if (landmark === null) return
    focusHeading(landmark)
    // A view that asks for what it shows first may draw its heading, or another one, once it has it.
    const observer = new MutationObserver(() => {
      const { activeElement } = document
      if (activeElement === document.body || activeElement === landmark) focusHeading(landmark)
    })
    observer.observe(landmark, { childList: true, subtree: true })
    const timer = setTimeout(() => observer.disconnect(), settleMs)
    return () => {
      clearTimeout(timer)
      observer.disconnect()
    }
  }, [place])
}

function focusHeading(landmark: HTMLElement): void {
  const heading = landmark.querySelector('h1')
  if (heading !== null) heading.tabIndex = -1
  const target = heading ?? landmark
  if (document.activeElement !== target) target.focus({ preventScroll: true })
}
