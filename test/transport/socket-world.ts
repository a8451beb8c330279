/** What the conformance suite asks of a transport whose listeners are real ports of the loopback. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { TransportWorld } from '../../runtime/conformance/transport.ts'
import type { Transport, TransportLimits } from '../../transport/transport.ts'

/** A TCP server on any free port of the loopback, with all its sockets at hand. */
export async function tcpServer(
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; sockets: Socket[]; server: Server }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => {})
    sockets.push(socket)
    onSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { port: (server.address() as AddressInfo).port, sockets, server }
}

/** A world for ends that `transport` makes, with listeners at `host`, such as `127.0.0.1`. */
export function socketWorld(host: string, transport: (limits: TransportLimits) => Transport): TransportWorld {
  const servers: Server[] = []
  const sockets: Socket[] = []
  const serve = async (onSocket: (socket: Socket) => void): Promise<number> => {
    const { port, server } = await tcpServer((socket) => {
      sockets.push(socket)
      onSocket(socket)
    })
    servers.push(server)
    return port
  }
  return {
    transport,
    anyAddress: `${host}:0`,
    through: async (address) => {
      const url = new URL(address)
      const port = await serve((near) => {
        const far = connect({ host: url.hostname.replace(/[[\]]/g, ''), port: Number(url.port) })
        far.on('error', () => near.destroy())
        sockets.push(far)
        near.pipe(far).pipe(near)
      })
      return `ws://127.0.0.1:${port}`
    },
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    nobody: async () => {
      const { port, server } = await tcpServer(() => {})
      await new Promise((resolve) => server.close(resolve))
      return `ws://127.0.0.1:${port}`
    },
    silent: async () => `ws://127.0.0.1:${await serve(() => {})}`,
    close() {
      for (const socket of sockets) socket.destroy()
      for (const server of servers) server.close()
    },
  }
}
