/** Addresses as people write them: `host:port` to listen at, a URL to dial. */
import { TransportError } from './transport.ts'

export interface HostAndPort {
  /** Without the brackets of IPv6. */
  readonly host: string
  /** 0 = any. */
  readonly port: number
}

const portMax = 65_535
const hostAndPort = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]/\s]+)):(\d{1,5})$/

/** Throws TransportError `bad-url`. */
export function parseHostAndPort(address: string): HostAndPort {
  const [, ipv6, name, digits] = hostAndPort.exec(address) ?? []
  const host = ipv6 ?? name
  const port = Number(digits)
  if (host === undefined || port > portMax) {
    throw new TransportError('bad-url', `"${address}" is not host:port; write 127.0.0.1:4747 or [::1]:4747.`)
  }
  return { host, port }
}

export function formatHostAndPort({ host, port }: HostAndPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Throws TransportError `bad-url` unless `url` has one of these schemes, such as `ws:`. */
export function parseDialUrl(url: string, schemes: readonly string[]): URL {
  const example = `${schemes[0]}//127.0.0.1:4747`
  if (!URL.canParse(url) || !url.includes('://')) {
    throw new TransportError('bad-url', `"${url}" is not a URL; write it as ${example}.`)
  }
  const parsed = new URL(url)
  if (!schemes.includes(parsed.protocol)) {
    const known = schemes.map((scheme) => `${scheme}//`).join(' or ')
    throw new TransportError('bad-url', `"${url}" must begin with ${known}, as in ${example}.`)
  }
  if (parsed.hostname === '' || parsed.hash !== '') {
    throw new TransportError('bad-url', `"${url}" names no host, or has a #fragment; write it as ${example}.`)
  }
  return parsed
}
