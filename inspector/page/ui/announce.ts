/** Says something to who does not see it change; the frame draws the region that is read out. */
import { signal } from '@preact/signals'

export const announcement = signal('')

/** Politely: after what is being read. */
export function announce(text: string): void {
  announcement.value = text
}
