/** The page's clock: one tick a second for everything that shows an age. */
import { signal } from '@preact/signals'

const tickMs = 1_000

/** Milliseconds since 1970; a component that reads its value is drawn anew each second. */
export const now = signal(Date.now())

setInterval(() => {
  // Nobody looks at a page in the background; it ticks again as soon as it is looked at.
  if (!document.hidden) now.value = Date.now()
}, tickMs)
document.addEventListener('visibilitychange', () => {
  if (!document.hidden) now.value = Date.now()
})

/** The time now, which draws the component anew each second. For an age in a text use `Time` or `Age`: they draw less. */
export const useNow = (): number => now.value
