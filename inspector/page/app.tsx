/** The frame around every view. */
import './frame/frame.css'
import { useEffect, useRef, useState } from 'preact/hooks'
import { connectionState, isStandalone, troupe } from './connection.ts'
import { FailedPage } from './frame/failed-page.tsx'
import { Header, StaleBanner } from './frame/header.tsx'
import { HelpDialog } from './frame/help-dialog.tsx'
import { placeOf, titleOf } from './frame/titles.ts'
import { TokenPage } from './frame/token-page.tsx'
import { View } from './frame/view.tsx'
import { route } from './navigation.ts'
import { announcement } from './ui/announce.ts'
import { useShortcut } from './ui/shortcuts.ts'

export function App() {
  const [help, setHelp] = useState(false)
  const main = useRef<HTMLElement>(null)
  usePlace(main)
  useShortcut('g t', 'Tasks', () => void location.assign('#/tasks'))
  useShortcut('g n', 'Nodes', () => void location.assign('#/nodes'))
  useShortcut('g a', 'Actors', () => void location.assign('#/actors'))
  useShortcut('?', 'These keys', () => setHelp(true))
  return (
    <div class="frame">
      {/* No link, for the fragment is the page's address. */}
      <button type="button" class="frame-skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <Header />
      <StaleBanner />
      <main
        class="frame-main"
        ref={main}
        tabIndex={-1}
        data-stale={connectionState.value.type === 'stale' ? '' : undefined}
      >
        <Content />
      </main>
      <p class="visually-hidden" role="status">
        {announcement.value}
      </p>
      {help ? <HelpDialog onClose={() => setHelp(false)} /> : undefined}
    </div>
  )
}

function Content() {
  const state = connectionState.value
  // No manager is asked by a page that was opened from a file: all it can show is files.
  if (isStandalone) return <View route={{ view: 'file' }} />
  if (route.value.view === 'file' || troupe.value !== undefined) {
    // A token that was refused since is no reason to take away what is shown, but to say so.
    if (state.type !== 'wrong-token') return <View route={route.value} />
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
  useEffect(() => {
    if (before.current === place) return
    before.current = place
    scrollTo(0, 0)
    const heading = main.current?.querySelector('h1')
    if (heading) heading.tabIndex = -1
    ;(heading ?? main.current)?.focus({ preventScroll: true })
  }, [place])
}
