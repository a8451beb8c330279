/**
 * A value that goes to many in messages that differ otherwise. Each codec writes it once, and copies the bytes into every
 * frame; on the wire nothing of this is to be seen. It may stand as a field of a message of a frame, and nowhere else;
 * the value must not change any more.
 */
export class Shared {
  readonly value: unknown
  readonly #bytes = new Map<string, Uint8Array>()

  constructor(value: unknown) {
    this.value = value
  }

  /** The value as this codec writes it. */
  bytes(protocol: string, write: (value: unknown) => Uint8Array): Uint8Array {
    const known = this.#bytes.get(protocol)
    if (known !== undefined) return known
    const bytes = write(this.value)
    this.#bytes.set(protocol, bytes)
    return bytes
  }
}

/** A message as it is written: whole, or a map of plain fields and one that is shared. */
export interface Written {
  readonly plain: object
  readonly shared: { readonly key: string; readonly value: Shared } | undefined
}

/** The messages of a frame that holds something shared; undefined for any other frame, which is written as it is. */
export function sharingMessages(frame: unknown): Written[] | undefined {
  const messages = (frame as { m?: unknown } | null)?.m
  if (!Array.isArray(messages) || !messages.some(sharedKey)) return undefined
  // A frame that says more than its messages is written whole, or refused for what is shared in it.
  if (Object.keys(frame as object).length > 1) return undefined
  return messages.map((message: Record<string, unknown>) => {
    const key = sharedKey(message)
    if (key === undefined) return { plain: message, shared: undefined }
    const { [key]: value, ...plain } = message
    return { plain, shared: { key, value: value as Shared } }
  })
}

function sharedKey(message: unknown): string | undefined {
  if (typeof message !== 'object' || message === null) return undefined
  for (const key in message) if ((message as Record<string, unknown>)[key] instanceof Shared) return key
  return undefined
}

/** These bytes, one after the other. */
export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}
