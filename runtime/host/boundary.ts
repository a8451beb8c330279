/**
 * The moments at which a process can die so that it matters. The hosts name each as they pass it; in production nobody
 * listens, and a simulation lets the process die there.
 */
export type Boundary =
  /** A unit of steps was taken; nothing is stored yet. */
  | 'stepped'
  /** A batch is about to be handed to the store. */
  | 'flush'
  /** The store says that it is safe; nobody has heard of it. */
  | 'flushed'
  /** An effect on the outside is about to be carried out, or has just been handed over. */
  | `before:${string}`
  | `after:${string}`

export type OnBoundary = (boundary: Boundary) => void
export const noBoundary: OnBoundary = () => {}
