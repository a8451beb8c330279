/** Health checks over the network by Node's own clients. */
import http from 'node:http'
import { connect, isIPv6 } from 'node:net'
import type { Probed } from '../../actors/health.ts'
import type { HttpProbe, Prober, TcpProbe } from './prober.ts'

/** A prober of this machine's network. Each probe has a connection of its own: a kept one would only prove itself. */
export function createNodeProber(): Prober {
  return { http: probeHttp, tcp: probeTcp }
}

const placeOf = ({ host, port }: TcpProbe): string => `${isIPv6(host) ? `[${host}]` : host}:${port}`

function probeHttp(probe: HttpProbe): Promise<Probed> {
  const { host, port, path, expect, signal } = probe
  const what = `GET http://${placeOf(probe)}${path}`
  return new Promise((resolve) => {
    const fail = (why: string) => resolve({ passed: false, detail: `${what} ${why}` })
    const headers = { 'user-agent': 'troupe-health', connection: 'close' }
    const request = http.request({ host, port, path, signal, headers, agent: false }, (response) => {
      const { statusCode = 0 } = response
      // The body is of no interest, and one without end must not be read.
      request.destroy()
      const isWell = expect === undefined ? statusCode >= 200 && statusCode < 400 : statusCode === expect
      if (isWell) resolve({ passed: true })
      else fail(`answered ${statusCode}${expect === undefined ? '' : ` and not ${expect}`}`)
    })
    request.on('error', (error) => fail(whyOf(error, signal)))
    request.end()
  })
}

function probeTcp(probe: TcpProbe): Promise<Probed> {
  const { host, port, signal } = probe
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal })
    socket.on('error', (error) => {
      resolve({ passed: false, detail: `a connection to ${placeOf(probe)} ${whyOf(error, signal)}` })
    })
    socket.on('connect', () => {
      socket.destroy()
      resolve({ passed: true })
    })
  })
}

function whyOf(error: Error, signal: AbortSignal): string {
  if (signal.aborted) return 'took too long'
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ECONNREFUSED') return 'was refused: nothing listens there'
  if (code === 'ECONNRESET') return 'was cut'
  return `failed: ${code ?? error.message}`
}
