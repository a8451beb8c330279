/** Who may come in at all: pages of other sites may not, and a secret is compared without telling how much of it is right. */
import type { Handshake } from '../../transport/transport.ts'

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The name in `name:port` or `[v6]:port`, in lower case, for names of hosts have none. */
function nameOf(authority: string): string {
  const name = authority.startsWith('[') ? authority.slice(0, authority.indexOf(']') + 1) : authority.split(':')[0]
  return (name ?? '').toLowerCase()
}

/** An origin as browsers write it, `https://app.example` or `http://localhost:8080`. Throws RangeError for anything else. */
export function parseOrigin(text: string): string {
  const origin = URL.canParse(text) ? new URL(text).origin : 'null'
  const plain = text.replace(/\/$/, '').toLowerCase()
  // A default port is left out by browsers, and may be written.
  if (origin !== 'null' && (plain === origin || plain === `${origin}:${origin.startsWith('https:') ? 443 : 80}`)) {
    return origin
  }
  throw new RangeError(`"${text}" is no origin; write scheme://host or scheme://host:port, as https://app.example`)
}

/**
 * Refuses what a browser sends for a page that is not ours: an `Origin` that is neither this address nor allowed, or a
 * `Host` that is none of our names, as after DNS rebinding. Programs send no Origin and pass.
 */
export function admit(
  handshake: Handshake,
  listen: string,
  allowOrigins: readonly string[] = [],
): { status: number; message: string } | undefined {
  const { origin, host } = handshake
  const isOwn = host !== undefined && origin?.endsWith(`//${host}`) === true
  if (origin !== undefined && !isOwn && !allowOrigins.includes(origin)) {
    return { status: 403, message: `pages of ${origin} may not talk to this manager; --allow-origin would allow them` }
  }
  const listensOn = nameOf(listen)
  const isLoopback = loopback.has(listensOn)
  if (isLoopback && host !== undefined && !loopback.has(nameOf(host))) {
    return { status: 403, message: `this manager is not called ${host}; dial ${listen}` }
  }
  return undefined
}

/** Equal, in a time that depends on the length of `given` alone. What is empty is no secret: it lets nobody in. */
export function isSecret(expected: string, given: string): boolean {
  if (given === '') return false
  let difference = expected.length ^ given.length
  for (let at = 0; at < given.length; at += 1) {
    difference |= given.charCodeAt(at) ^ expected.charCodeAt(at % Math.max(1, expected.length))
  }
  return difference === 0
}
