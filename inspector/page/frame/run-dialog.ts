/** Whether the dialog to run a task is open; the frame draws it over any view. */
import { signal } from '@preact/signals'

export const isRunDialogOpen = signal(false)

export function openRunDialog(): void {
  isRunDialogOpen.value = true
}

export function closeRunDialog(): void {
  isRunDialogOpen.value = false
}
