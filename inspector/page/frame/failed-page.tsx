/** There is no manager to speak to. */
import { Empty } from '../ui/empty.tsx'

export function FailedPage({ why, again }: { readonly why: string; readonly again: boolean }) {
  return (
    <section class="frame-gate">
      <h1>The manager does not answer</h1>
      <p role="alert">{why}</p>
      <p class="frame-hint">
        {again
          ? 'This page tries again by itself. If the manager is not running, start it with “troupe up”.'
          : 'Trying again would not help. Reload the page once that is mended.'}
      </p>
    </section>
  )
}

export function UnknownPage({ address }: { readonly address: string }) {
  return (
    <section class="frame-gate">
      <h1>Nothing is here</h1>
      <Empty title="No view has this address">
        <p>
          <code>#{address}</code>
        </p>
        <p>
          <a href="#/tasks">See all tasks</a>
        </p>
      </Empty>
    </section>
  )
}
