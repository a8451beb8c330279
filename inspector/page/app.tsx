/** The frame around every view. */
import { connectionState } from './connection.ts'

export function App() {
  return (
    <main>
      <h1>Troupe</h1>
      <p>{connectionState.value.type}</p>
    </main>
  )
}
