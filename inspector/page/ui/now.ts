/** The page's clock: one tick a second for everything that shows an age. */
import { signal } from '@preact/signals'

const tickMs = 1_000

/** Milliseconds since 1970; a component that reads its value is drawn anew each second. */
export const now = signal(Date.now())

let isHeld = false

/** Stops it, for as long as what is shown is old: nobody knows whether what ran then runs on. */
export function holdNow(held: boolean): void {
  isHeld = held
  tick()
}

function tick(): void {
  // Nobody looks at a page in the background; it ticks again as soon as it is looked at.
  if (!document.hidden && !isHeld) now.value = Date.now()
}

setInterval(tick, tickMs)
document.addEventListener('visibilitychange', tick)

/** The time now, which draws the component anew each second. For an age in a text use `Time` or `Age`: they draw less. */
export const useNow = (): number => now.value
