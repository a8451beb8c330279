/** A socket between a driver and its engine, to break what passes: each connection is made to carry one request, which is known by its first line. */
import net from 'node:net'

/**
 * What happens to a request:
 * - `pass`: nothing.
 * - `refuse`: the connection is closed before the engine hears of it.
 * - `lose-answer`: the engine does what was asked, and then the connection breaks instead of the answer.
 * - `cut-answer`: the headers and a part of the body arrive, then nothing, and the connection stays open.
 * - `swallow`: the engine never hears of it, and there is no answer.
 */
export type Fate = 'pass' | 'refuse' | 'lose-answer' | 'cut-answer' | 'swallow'

export interface EngineProxy {
  /** Decides about every request from now on, by its first line, such as `POST /containers/abc/start HTTP/1.1`. */
  decide(by: (line: string) => Fate): void
  /** First lines, in order. */
  readonly lines: string[]
  /** How many connections are open. */
  readonly openCount: () => number
  /** Breaks every connection that is open. */
  cut(): void
  close(): Promise<void>
}

export async function openProxy(socketPath: string, enginePath: string): Promise<EngineProxy> {
  let fateOf: (line: string) => Fate = () => 'pass'
  const lines: string[] = []
  const open = new Set<net.Socket>()

  const server = net.createServer((client) => {
    open.add(client)
    client.on('error', () => {}).on('close', () => open.delete(client))
    client.once('data', (first) => {
      client.pause()
      const line = first.toString('latin1').split('\r\n')[0] as string
      lines.push(line)
      const fate = fateOf(line)
      if (fate === 'refuse') return void client.destroy()
      if (fate === 'swallow') return void client.resume()
      const engine = net.connect(enginePath)
      engine.on('error', () => client.destroy()).on('close', () => client.end())
      client.on('close', () => engine.destroy())
      engine.write(
        first.toString('latin1').replace('\r\nConnection: keep-alive\r\n', '\r\nConnection: close\r\n'),
        'latin1',
      )
      client.pipe(engine, { end: false })
      if (fate === 'pass') return void engine.pipe(client)
      engine.once('data', (answer) => {
        if (fate === 'lose-answer') return void client.destroy()
        client.write(answer.subarray(0, answer.indexOf('\r\n\r\n') + 6))
        engine.resume()
        engine.removeAllListeners('close')
      })
    })
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))

  return {
    decide(by) {
      fateOf = by
    },
    lines,
    openCount: () => open.size,
    cut() {
      for (const client of open) client.destroy()
    },
    close() {
      for (const client of open) client.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
