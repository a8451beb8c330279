/** What is to happen when a signal is aborted. One listener serves all: Node takes more than ten of them for a leak. */

const waiting = new WeakMap<AbortSignal, Set<() => void>>()

function waitingFor(signal: AbortSignal): Set<() => void> {
  const known = waiting.get(signal)
  if (known !== undefined) return known
  const callbacks = new Set<() => void>()
  waiting.set(signal, callbacks)
  const callAll = () => {
    for (const callback of [...callbacks]) callback()
  }
  signal.addEventListener('abort', callAll, { once: true })
  return callbacks
}

/** Calls back once when the signal is aborted; at once if it is. Returns what takes it back. */
export function onAbort(signal: AbortSignal | undefined, callback: () => void): () => void {
  if (signal === undefined) return () => {}
  if (signal.aborted) {
    callback()
    return () => {}
  }
  const callbacks = waitingFor(signal)
  const once = () => {
    callbacks.delete(once)
    callback()
  }
  callbacks.add(once)
  return () => void callbacks.delete(once)
}

/** What comes of the promise, unless the signal is aborted before that: then it rejects with its reason. */
export function unlessAborted<T>(signal: AbortSignal | undefined, promise: Promise<T>): Promise<T> {
  if (signal === undefined) return promise
  return new Promise<T>((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal.reason))
    promise.then(resolve, reject).finally(forget)
  })
}
