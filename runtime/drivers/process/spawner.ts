/**
 * A driver's line to the spawner of its folder. It starts the spawner when there is none, connects again when it was
 * cut, and sends again what was not answered: every request is idempotent.
 */
import { closeSync, constants, openSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { DriverScope } from '../driver.ts'
import { type Launch, type LaunchOptions, launchSpawner, makeFolder } from './launch.ts'
import {
  type AttemptSeen,
  createLineReader,
  type FromSpawner,
  type SpawnerRequest,
  spawnerVersion,
  toLine,
} from './protocol.ts'
import { spawnerFiles } from './settings.ts'

export const spawnerLimits = {
  /** How long a spawner may take to start and to greet, in milliseconds. */
  attachMs: 4_000,
  /** Between two looks for its socket, in milliseconds. */
  lookMs: 20,
  /** Before trying again after a failure, in milliseconds. */
  retryMs: 500,
} as const

/** The request was never sent: no spawner could be reached in time. */
export class SpawnerUnreachable extends Error {
  override readonly name = 'SpawnerUnreachable'
}

export interface SpawnerLineOptions extends LaunchOptions {
  readonly clock: Clock
  /** Whose attempts to be told of, once that is known. */
  readonly scope: () => DriverScope | undefined
  readonly onSeen: (view: AttemptSeen) => void
  /** Connected, with all that is true now. Requests are sent after it. */
  readonly onUp: (views: readonly AttemptSeen[]) => void
  /** It cannot be reached; said once per outage. */
  readonly onDown: (why: string) => void
}

type Greeting = Extract<FromSpawner, { type: 'greeting' }>

interface Pending {
  readonly request: SpawnerRequest
  readonly resolve: (views: readonly AttemptSeen[]) => void
  readonly reject: (error: Error) => void
  sent: boolean
}

export class SpawnerLine {
  readonly #options: SpawnerLineOptions
  readonly #pending = new Map<number, Pending>()
  readonly #waiters = new Set<() => void>()
  #folder: number | undefined
  #socket: Socket | undefined
  #spawnerPid: number | undefined
  #lastId = 0
  #why = 'The spawner has not been reached yet.'
  #isDown = false
  #isClosed = false
  #life: Promise<void> | undefined

  constructor(options: SpawnerLineOptions) {
    this.#options = options
  }

  /** The pid of the spawner while it is connected. */
  get spawnerPid(): number | undefined {
    return this.#spawnerPid
  }

  /** Why it could not be reached last. */
  get why(): string {
    return this.#why
  }

  /** True once it is connected; false if it is not within that time. Goes on trying either way. */
  async reach(withinMs: number): Promise<boolean> {
    this.#live()
    if (this.#spawnerPid !== undefined) return true
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.setTimer(() => done(), withinMs)
      const done = () => {
        cancel()
        this.#waiters.delete(done)
        resolve()
      }
      this.#waiters.add(done)
    })
    return this.#spawnerPid !== undefined
  }

  /**
   * Asks, and asks again after each cut, until it is answered. Rejects with `SpawnerUnreachable` if it could not be
   * sent within `sendWithinMs`, with the signal's reason if that came before it was sent, else with what the spawner said.
   */
  request(
    request: SpawnerRequest,
    { sendWithinMs, signal }: { readonly sendWithinMs: number; readonly signal?: AbortSignal },
  ): Promise<readonly AttemptSeen[]> {
    if (this.#isClosed) return Promise.reject(new Error('The process driver is closed.'))
    this.#live()
    const id = ++this.#lastId
    return new Promise<readonly AttemptSeen[]>((resolve, reject) => {
      const giveUp = (error: Error) => {
        if (pending.sent) return
        this.#pending.delete(id)
        pending.reject(error)
      }
      const onAbort = () => giveUp(signal?.reason)
      const cancel = this.#options.clock.setTimer(() => giveUp(new SpawnerUnreachable(this.#why)), sendWithinMs)
      const settled = () => {
        cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const pending: Pending = {
        request,
        sent: false,
        resolve: (views) => {
          settled()
          resolve(views)
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#pending.set(id, pending)
      if (this.#spawnerPid !== undefined) this.#send(id, pending)
    })
  }

  /** Lets go of the spawner, which goes on. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#socket?.destroy()
    for (const pending of this.#pending.values()) pending.reject(new Error('The process driver was closed meanwhile.'))
    this.#pending.clear()
    await this.#life
    if (this.#folder !== undefined) closeSync(this.#folder)
  }

  #live(): void {
    this.#life ??= this.#stayConnected()
  }

  async #stayConnected(): Promise<void> {
    while (!this.#isClosed) {
      try {
        const socket = await this.#attach()
        this.#socket = socket
        if (this.#isClosed) socket.destroy()
        await this.#serve(socket)
      } catch (error) {
        this.#fail((error as Error).message)
        if (!this.#isClosed) await this.#pause(spawnerLimits.retryMs)
      }
    }
  }

  #fail(why: string): void {
    this.#why = why
    for (const waiter of [...this.#waiters]) waiter()
    if (this.#isDown || this.#isClosed) return
    this.#isDown = true
    this.#options.onDown(why)
  }

  /** Connects, and starts a spawner as long as there is none. */
  async #attach(): Promise<Socket> {
    const { clock, dir } = this.#options
    const giveUpAtMs = clock.uptimeMs() + spawnerLimits.attachMs
    let launch: Launch | undefined
    makeFolder(dir)
    this.#folder ??= openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY)
    for (;;) {
      const found = await connect(this.#folder)
      if (found instanceof Error === false) return found
      if (!absentCodes.has(found.code ?? ''))
        throw new Error(`The spawner in ${dir} cannot be reached: ${found.message}`)
      if (this.#isClosed) throw new Error('The process driver is closed.')
      if (clock.uptimeMs() > giveUpAtMs) {
        throw new Error(`The spawner in ${dir} does not answer; see ${spawnerFiles.log} there.`)
      }
      const failure = launch?.failure()
      if (failure !== undefined && failure !== 'taken') throw new Error(failure)
      // Taken: another spawner is about to listen, or about to leave; both take a moment only.
      if (launch === undefined || failure === 'taken') launch = launchSpawner(this.#options)
      await this.#pause(failure === 'taken' ? spawnerLimits.lookMs * 5 : spawnerLimits.lookMs)
    }
  }

  /** Resolves when the connection has ended. Rejects if it never came to work. */
  #serve(socket: Socket): Promise<void> {
    return new Promise((resolve, reject) => {
      let failure: Error | undefined
      const fail = (error: Error) => {
        failure ??= error
        socket.destroy()
      }
      const cancel = this.#options.clock.setTimer(() => {
        if (this.#spawnerPid === undefined) fail(new Error('The spawner does not greet.'))
      }, spawnerLimits.attachMs)
      const read = createLineReader((value) => this.#hear(socket, value as FromSpawner, fail))
      socket.on('data', (bytes) => {
        try {
          read(bytes)
        } catch (error) {
          fail(error as Error)
        }
      })
      socket.on('error', () => undefined)
      socket.on('close', () => {
        cancel()
        this.#spawnerPid = undefined
        this.#socket = undefined
        if (failure) reject(failure)
        else resolve()
      })
    })
  }

  #hear(socket: Socket, message: FromSpawner, fail: (error: Error) => void): void {
    if (message.type === 'seen') this.#options.onSeen(message.view)
    else if (message.type === 'greeting') this.#greet(socket, message, fail)
    else this.#settle(message)
  }

  /** Asks first of all what is true now, so that nothing that changes later can be told before it. */
  #greet(socket: Socket, message: Greeting, fail: (error: Error) => void): void {
    if (message.version !== spawnerVersion) {
      const whose = `The spawner of ${this.#options.dir} (process ${message.pid})`
      fail(new Error(`${whose} is of another version of Troupe; it ends by itself soon after its last task.`))
      return
    }
    const scope = this.#options.scope()
    if (scope === undefined) {
      this.#up(message.pid, [])
      return
    }
    const id = ++this.#lastId
    const resolve = (views: readonly AttemptSeen[]) => this.#up(message.pid, views)
    const pending: Pending = { request: { verb: 'watch', scope }, sent: false, resolve, reject: fail }
    this.#pending.set(id, pending)
    socket.once('close', () => this.#pending.delete(id))
    this.#send(id, pending)
  }

  #settle({ id, answer }: Extract<FromSpawner, { type: 'answer' }>): void {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if ('error' in answer) pending?.reject(new Error(answer.error))
    else pending?.resolve(answer.views)
  }

  #up(pid: number, views: readonly AttemptSeen[]): void {
    this.#spawnerPid = pid
    this.#isDown = false
    const waiting = [...this.#pending]
    this.#options.onUp(views)
    for (const [id, pending] of waiting) this.#send(id, pending)
    for (const waiter of [...this.#waiters]) waiter()
  }

  #send(id: number, pending: Pending): void {
    pending.sent = true
    this.#socket?.write(toLine({ id, request: pending.request }))
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setTimer(resolve, ms)
    })
  }
}

/** What connecting says when nobody is there, or has not had the time to take us in. */
const absentCodes = new Set(['ENOENT', 'ECONNREFUSED', 'EAGAIN', 'ECONNRESET'])

/**
 * A socket's path may have 108 bytes and a data folder's may have more, so the way there is the open folder itself.
 * https://man7.org/linux/man-pages/man7/unix.7.html
 */
function connect(folder: number): Promise<Socket | NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    const socket = createConnection(`/proc/self/fd/${folder}/${spawnerFiles.socket}`)
    socket.once('connect', () => resolve(socket))
    socket.once('error', resolve)
  })
}
