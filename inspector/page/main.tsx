import './styles/tokens.css'
import './styles/base.css'
import { effect } from '@preact/signals'
import { render } from 'preact'
import { App } from './app.tsx'
import { connectionState, isStandalone, isTokenGiven, open, takeToken } from './connection.ts'
import { holdNow } from './ui/now.ts'

const token = takeToken()
render(<App />, document.getElementById('app') as HTMLElement)
if (!isStandalone) void open(token)

effect(() => holdNow(connectionState.value.type === 'stale'))

// Somebody opened another printed address in this tab: that is a new beginning.
addEventListener('hashchange', () => {
  if (isTokenGiven()) location.reload()
})
