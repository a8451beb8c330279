import './styles/tokens.css'
import './styles/base.css'
import { render } from 'preact'
import { App } from './app.tsx'
import { isStandalone, isTokenGiven, open, takeToken } from './connection.ts'

const token = takeToken()
render(<App />, document.getElementById('app') as HTMLElement)
if (!isStandalone) void open(token)

// Somebody opened another printed address in this tab: that is a new beginning.
addEventListener('hashchange', () => {
  if (isTokenGiven()) location.reload()
})
