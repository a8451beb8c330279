/** Who has no token, or a wrong one, is told where to get it, and may paste it. */
import { useState } from 'preact/hooks'
import { useToken as openWith } from '../connection.ts'
import { Button } from '../ui/button.tsx'
import { tokenIn } from './token-text.ts'

export function TokenPage({ isWrong }: { readonly isWrong: boolean }) {
  const [text, setText] = useState('')
  const token = tokenIn(text)
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault()
    if (token !== undefined) openWith(token)
  }
  return (
    <section class="frame-gate">
      <h1>{isWrong ? 'The manager refuses this token' : 'This page needs a token'}</h1>
      {isWrong ? (
        <p>It belongs to another manager, or to a data folder that was made anew.</p>
      ) : (
        <p>Whoever may look at this manager has a token, which comes with the page’s address.</p>
      )}
      <p>On the manager’s machine this command prints the address. Open it, or paste it here:</p>
      <pre class="frame-command">
        <code>troupe inspector</code>
      </pre>
      <form class="frame-token" onSubmit={onSubmit}>
        <label for="token">Token, or the whole address</label>
        <div class="frame-token-row">
          {/* No password manager should offer to keep it: it is kept for this tab only. */}
          <input
            id="token"
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <Button kind="primary" type="submit" disabled={token === undefined}>
            Open
          </Button>
        </div>
      </form>
      <p class="frame-hint">
        With <code>--view</code> it prints one that may only look. This tab keeps the token until it is closed, and no
        longer.
      </p>
    </section>
  )
}
