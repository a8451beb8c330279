/**
 * Whether ports that a task was given are free, tried just before its fork: what is taken is better said than found out.
 * The spawner does it, which is to stay small: nothing is loaded for it before it is needed.
 */
import { createServer } from 'node:net'
import type { HeldPort } from '../../../actors/model.ts'
import { StartRefused } from './refusal.ts'

/**
 * Throws `StartRefused` with `port-taken` for a port that another program of this machine listens on, on whichever of its
 * addresses. A port that may not be tried (one below 1024, without being root) is left to the task, which may be allowed to.
 */
export async function checkPorts(ports: readonly HeldPort[]): Promise<void> {
  for (const { host, protocol } of ports) {
    if (!(await (protocol === 'tcp' ? isTakenTcp(host) : isTakenUdp(host)))) continue
    const name = protocol === 'udp' ? `${host}/udp` : host
    throw new StartRefused('port-taken', `Another program on this worker's machine listens on port ${name}.`, true)
  }
}

const isInUse = (error: NodeJS.ErrnoException): boolean => error.code === 'EADDRINUSE'

/** Without an address it is tried on all of both versions, or of version 4 where there is no other. */
function isTakenTcp(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(isInUse(error)))
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(false)))
  })
}

async function isTakenUdp(port: number): Promise<boolean> {
  const { createSocket } = await import('node:dgram')
  const of = (type: 'udp4' | 'udp6') =>
    new Promise<boolean>((resolve) => {
      const socket = createSocket(type)
      socket.once('error', (error) => {
        socket.close()
        resolve(isInUse(error))
      })
      socket.bind({ port, exclusive: true }, () => socket.close(() => resolve(false)))
    })
  return (await of('udp6')) || of('udp4')
}
