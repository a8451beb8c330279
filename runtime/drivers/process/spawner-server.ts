/** The spawner's door: drivers of one worker connect, ask, and are told what happens to the attempts of their scope. */
import { createServer, type Server, type Socket } from 'node:net'
import type { DriverScope } from '../driver.ts'
import type { Attempts } from './attempts.ts'
import {
  type AttemptSeen,
  createLineReader,
  type FromSpawner,
  type SpawnerAnswer,
  spawnerVersion,
  type ToSpawner,
  toLine,
} from './protocol.ts'

export class SpawnerServer {
  readonly #attempts: Attempts
  readonly #server: Server
  readonly #scopes = new Map<Socket, DriverScope | undefined>()
  readonly #complain: (text: string) => void

  constructor(attempts: Attempts, complain: (text: string) => void) {
    this.#attempts = attempts
    this.#complain = complain
    this.#server = createServer((socket) => this.#welcome(socket))
  }

  get connections(): number {
    return this.#scopes.size
  }

  /** Listens at a path that nobody else may connect to. */
  listen(path: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      const before = process.umask(0o177)
      this.#server.listen(path, resolve)
      process.umask(before)
    })
  }

  /** Tells every driver of the scope. */
  tell(scope: DriverScope, view: AttemptSeen): void {
    for (const [socket, watched] of this.#scopes) {
      if (watched?.clusterId === scope.clusterId && watched.nodeId === scope.nodeId)
        send(socket, { type: 'seen', view })
    }
  }

  #welcome(socket: Socket): void {
    this.#scopes.set(socket, undefined)
    const read = createLineReader((value) => void this.#answer(socket, value as ToSpawner))
    socket.on('data', (bytes) => {
      try {
        read(bytes)
      } catch (error) {
        this.#complain(`A driver sent what is no request: ${(error as Error).message}`)
        socket.destroy()
      }
    })
    socket.on('close', () => this.#scopes.delete(socket))
    socket.on('error', () => socket.destroy())
    send(socket, { type: 'greeting', version: spawnerVersion, pid: process.pid })
  }

  async #answer(socket: Socket, { id, request }: ToSpawner): Promise<void> {
    let answer: SpawnerAnswer
    try {
      answer = { views: await this.#obey(socket, request) }
    } catch (error) {
      answer = { error: (error as Error).message }
    }
    send(socket, { type: 'answer', id, answer })
  }

  async #obey(socket: Socket, request: ToSpawner['request']): Promise<readonly AttemptSeen[]> {
    switch (request.verb) {
      case 'watch':
        this.#scopes.set(socket, request.scope)
        return this.#attempts.views(request.scope)
      case 'list':
        return this.#attempts.names(request.scope).map((name) => ({ name }))
      case 'start':
        return this.#attempts.start(request)
      case 'stop':
        await this.#attempts.stop(request.name, request.scope, request.graceMs)
        return []
      case 'remove':
        await this.#attempts.remove(request.name, request.scope)
        return []
      default:
        throw new Error(`The spawner knows no verb "${(request as { verb: string }).verb}".`)
    }
  }
}

function send(socket: Socket, message: FromSpawner): void {
  if (socket.writable) socket.write(toLine(message))
}
