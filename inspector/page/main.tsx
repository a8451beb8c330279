import './styles/tokens.css'
import './styles/base.css'
import { render } from 'preact'
import { App } from './app.tsx'
import { open, takeToken } from './connection.ts'

const token = takeToken()
render(<App />, document.getElementById('app') as HTMLElement)
void open(token)
