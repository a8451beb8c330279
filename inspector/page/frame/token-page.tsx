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
        <p>
          It belongs to another manager, or to a data folder that was made anew. Open the address that the manager
          printed when it started, or paste its token.
        </p>
      ) : (
        <p>
          <code>troupe up</code> and <code>troupe manager</code> print an address that carries it, as{' '}
          <code>inspector:</code>. Open that address, or paste it here.
        </p>
      )}
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
        It is also in the file <code>token</code> of the manager’s data folder; <code>view-token</code> there holds one
        that may only look. This tab keeps it until it is closed, and no longer.
      </p>
    </section>
  )
}
