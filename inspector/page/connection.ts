/**
 * The page's tie to the manager that served it. The token comes in the fragment of the address that `troupe up` prints
 * (`#token=…`), is taken out of the address at once, and is kept for this tab's session only.
 */
import { signal } from '@preact/signals'
import { connect, type Troupe, TroupeError } from '../../runtime/browser.ts'

/** How the page stands with its manager. */
export type ConnectionState =
  | { readonly type: 'opening' }
  | { readonly type: 'live' }
  /** What is shown is as of `sinceMs`, and is brought up to date by itself once the manager is back. */
  | { readonly type: 'stale'; readonly sinceMs: number; readonly why: string }
  /** Nobody may look without a token. */
  | { readonly type: 'no-token' }
  | { readonly type: 'wrong-token' }
  /** `again`: it is tried again by itself. */
  | { readonly type: 'failed'; readonly why: string; readonly again: boolean }

export const connectionState = signal<ConnectionState>({ type: 'opening' })
/** There once the first connection stood; it comes back by itself after that. */
export const troupe = signal<Troupe | undefined>(undefined)

const storageKey = 'troupe.token'
/** Between tries to reach a manager that was not there when the page opened, in milliseconds. */
const againMs = 2_000

/** The page was opened from a file, or bears what it shows within: there is no manager that served it. */
export const isStandalone = location.protocol === 'file:' || document.getElementById('troupe-embedded') !== null

const givenToken = () => /^#token=([^&/]+)/.exec(location.hash)?.[1]

/** Whether the address has a token in it that was not taken out yet. */
export const isTokenGiven = (): boolean => givenToken() !== undefined

/** Takes the token out of the address, if there is one, and keeps it for this tab. */
export function takeToken(): string | undefined {
  const given = givenToken()
  if (given !== undefined) {
    keep(decodeURIComponent(given))
    history.replaceState(history.state, '', `${location.pathname}${location.search}#/`)
  }
  return given === undefined ? kept() : decodeURIComponent(given)
}

/** Connects and keeps trying while nobody is there; a token that is refused ends it. */
export async function open(token: string | undefined): Promise<void> {
  if (token === undefined || token === '') {
    connectionState.value = { type: 'no-token' }
    return
  }
  connectionState.value = { type: 'opening' }
  for (;;) {
    try {
      const opened = await connect(managerAddress(), {
        token,
        onLost: (why) => {
          connectionState.value = { type: 'stale', sinceMs: Date.now(), why }
        },
        onBack: () => {
          connectionState.value = { type: 'live' }
        },
      })
      troupe.value = opened
      connectionState.value = { type: 'live' }
      return
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (error instanceof TroupeError && error.code === 'Unauthorized') {
        refuse()
        return
      }
      const again = error instanceof TroupeError && error.retryable
      connectionState.value = { type: 'failed', why, again }
      if (!again) return
      await new Promise((resolve) => setTimeout(resolve, againMs))
    }
  }
}

/** The token that opened this connection is refused now: the manager is another one, or has another token. */
export function refuse(): void {
  forget()
  connectionState.value = { type: 'wrong-token' }
}

/** Keeps a token that somebody typed in, and opens with it. */
export function useToken(token: string): void {
  keep(token)
  // What the page holds may be of another manager: it begins anew.
  if (troupe.peek() === undefined) void open(token)
  else location.reload()
}

const managerAddress = () => `${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}`

// A page from a file, or a browser that keeps nothing, has no storage: then the token lives as long as the page.
function keep(token: string): void {
  try {
    sessionStorage.setItem(storageKey, token)
  } catch {}
}

function kept(): string | undefined {
  try {
    return sessionStorage.getItem(storageKey) ?? undefined
  } catch {
    return undefined
  }
}

function forget(): void {
  try {
    sessionStorage.removeItem(storageKey)
  } catch {}
}
