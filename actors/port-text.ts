/** Ports as people write them, and as docker does: `[ADDRESS:][HOST:]TARGET[/PROTOCOL]`. */
import { isIpAddress, type Port, type PortRange, portLimits } from './ports.ts'

/** Throws RangeError with a sentence. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (port < 1 || port > portLimits.portMax)
    throw new RangeError(`"${text}" is no port; write a number from 1 to ${portLimits.portMax}`)
  return port
}

/** `8080:80` is that port of the node, `80` or `127.0.0.1::80` a free one. Throws RangeError with a sentence. */
export function parsePortMapping(text: string): Port {
  const match = /^(?:(?:(\[[^\]]*\]|[^:[\]]+):)?([^:]*):)?([^:/]+)(?:\/(.*))?$/.exec(text)
  if (!match) throw new RangeError(`"${text}" is no port; write TARGET, HOST:TARGET or ADDRESS:HOST:TARGET`)
  const [, on, host, target = '', protocol] = match
  if (/^\d+-\d+$/.test(target))
    throw new RangeError(`"${text}" is a range of ports; write --port once for each of them`)
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp')
    throw new RangeError(`"${protocol}" is no protocol of a port; write tcp or udp`)
  const address = on?.replace(/^\[(.*)\]$/, '$1')
  if (address !== undefined && !isIpAddress(address))
    throw new RangeError(`"${address}" is no IP address; write one as 127.0.0.1 or [::1]`)
  // As docker has it: without an address there must be a port before the colon.
  if (host === '' && address === undefined)
    throw new RangeError(`"${text}" lacks the port before the colon; write ${target} for one that is free`)
  return {
    target: parsePort(target),
    ...(host ? { host: parsePort(host) } : {}),
    ...(protocol === undefined ? {} : { protocol }),
    ...(address === undefined ? {} : { address }),
  }
}

/** `20000-32767`, both ends included. Throws RangeError with a sentence. */
export function parsePortRange(text: string): PortRange {
  const match = /^(\d+)-(\d+)$/.exec(text)
  if (!match) throw new RangeError(`"${text}" is no range of ports; write FROM-TO, as 20000-32767`)
  const [from, to] = [parsePort(match[1] as string), parsePort(match[2] as string)]
  if (from > to) throw new RangeError(`"${text}" is no range of ports; write the lower one first, as ${to}-${from}`)
  return { from, to }
}
