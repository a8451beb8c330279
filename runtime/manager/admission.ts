/** Who may come in at all: pages of other sites may not, and a secret is compared without telling how much of it is right. */
import type { Handshake } from '../../transport/transport.ts'

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/** The name in `name:port` or `[v6]:port`, in lower case, for names of hosts have none. */
function nameOf(authority: string): string {
  const name = authority.startsWith('[') ? authority.slice(0, authority.indexOf(']') + 1) : authority.split(':')[0]
  return (name ?? '').toLowerCase()
}

/**
 * Refuses what a browser sends for a page that is not ours: a foreign `Origin`, or a `Host` that is none of our names, as
 * after DNS rebinding. Programs send no Origin and pass.
 */
export function admit(handshake: Handshake, listen: string): { status: number; message: string } | undefined {
  const { origin, host } = handshake
  if (origin !== undefined && (host === undefined || !origin.endsWith(`//${host}`))) {
    return { status: 403, message: `pages of ${origin} may not talk to this manager` }
  }
  const listensOn = nameOf(listen)
  const isLoopback = loopback.has(listensOn)
  if (isLoopback && host !== undefined && !loopback.has(nameOf(host))) {
    return { status: 403, message: `this manager is not called ${host}; dial ${listen}` }
  }
  return undefined
}

/** Equal, in a time that depends on the length of `given` alone. */
export function isSecret(expected: string, given: string): boolean {
  let difference = expected.length ^ given.length
  for (let at = 0; at < given.length; at += 1) {
    difference |= given.charCodeAt(at) ^ expected.charCodeAt(at % Math.max(1, expected.length))
  }
  return difference === 0
}
