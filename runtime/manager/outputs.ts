/**
 * Output of tasks on its way from their workers to clients. The manager keeps none of it: it passes frames on, and the
 * reader's credit goes through to the worker, so that a slow reader slows its own stream and nobody's memory grows.
 */

import type { TaskView } from '../../actors/model.ts'
import { clientLimits } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import type { OutputChunk, WorkerMessages } from '../../actors/protocol/session.ts'
import type { WorkerSession } from './worker-session.ts'

export interface OutputReader {
  readonly taskId: string
  /** Undefined: the newest attempt, and with `follow` the ones after it. */
  readonly attempt: number | undefined
  readonly follow: boolean
  /** Whether this attempt is known to have run, so that it must have had output, be it empty. */
  readonly hasRun: (attempt: number) => boolean
  readonly onChunks: (chunks: OutputChunk[]) => void
  /** Called once, as the last. */
  readonly onEnd: (error?: TroupeError) => void
}

interface Stream {
  readonly id: string
  readonly reader: OutputReader
  session: WorkerSession | undefined
  /** The attempt that is read or was read last; 0 before the first. */
  attempt: number
  /** Nothing is read now: it waits for the task to go on. */
  idle: boolean
  /** Its worker has nothing of the attempt that was read last. */
  isMissing: boolean
  /** Bytes that the reader takes before it gives more credit, whichever attempt they are of. */
  creditBytes: number
}

export class Outputs {
  readonly #streams = new Map<string, Stream>()
  readonly #waiting = new Map<string, Set<Stream>>()
  readonly #sessionOf: (nodeId: string) => WorkerSession | undefined
  #count = 0

  constructor(sessionOf: (nodeId: string) => WorkerSession | undefined) {
    this.#sessionOf = sessionOf
  }

  /** Outputs that are being read. */
  get count(): number {
    return this.#streams.size
  }

  /** Begins to read; answers what ends it. `view` is where the task stands. */
  open(reader: OutputReader, view: TaskView, nodeOf: (attempt: number) => string | undefined): () => void {
    this.#count += 1
    const creditBytes = clientLimits.logCreditBytes
    const stream: Stream = {
      id: String(this.#count),
      reader,
      session: undefined,
      attempt: 0,
      idle: true,
      isMissing: false,
      creditBytes,
    }
    this.#streams.set(stream.id, stream)
    if (reader.attempt === undefined) this.#advance(stream, view)
    else this.#read(stream, reader.attempt, nodeOf(reader.attempt))
    return () => {
      stream.session?.channel.send({ type: 'CloseLog', stream: stream.id })
      this.#forget(stream)
    }
  }

  /** The client has taken this many bytes of one of its streams. More than were sent to it count for nothing. */
  credit(reader: OutputReader, bytes: number): void {
    for (const stream of this.#streams.values()) {
      if (stream.reader !== reader) continue
      const granted = Math.min(bytes, clientLimits.logCreditBytes - stream.creditBytes)
      if (granted <= 0) continue
      stream.creditBytes += granted
      stream.session?.channel.send({ type: 'CreditLog', stream: stream.id, bytes: granted })
    }
  }

  /** A task has changed: readers that wait for it go on. */
  onNews(view: TaskView): void {
    for (const stream of [...(this.#waiting.get(view.id) ?? [])]) this.#advance(stream, view)
  }

  onWorker(session: WorkerSession, message: WorkerMessages['LogData'] | WorkerMessages['LogEnded']): void {
    const stream = this.#streams.get(message.stream)
    if (stream === undefined || stream.session !== session) return
    if (message.type === 'LogData') {
      stream.creditBytes -= message.chunks.reduce((bytes, { data }) => bytes + data.length, 0)
      stream.reader.onChunks(message.chunks)
      return
    }
    stream.session = undefined
    stream.idle = true
    stream.isMissing = message.missing === true
    if (message.error !== undefined) this.#end(stream, new TroupeError('Unavailable', message.error))
    else if (!stream.reader.follow || stream.reader.attempt !== undefined) this.#endRead(stream)
    else this.#wait(stream)
  }

  /** All of it was read, unless there is nothing of it any more. */
  #endRead(stream: Stream): void {
    const { attempt, reader, isMissing } = stream
    if (!isMissing || !reader.hasRun(attempt)) {
      this.#end(stream)
      return
    }
    const message = `the output of ${reader.taskId}'s attempt ${attempt} is not kept any more: its worker has trimmed it (--keep-output), or its folder is gone`
    this.#end(stream, new TroupeError('NotFound', message))
  }

  onWorkerGone(session: WorkerSession): void {
    for (const stream of this.#streams.values()) {
      if (stream.session !== session) continue
      const message = `the connection to node ${session.name} was lost; read the output again when it is back`
      this.#end(stream, new TroupeError('Unavailable', message))
    }
  }

  /** Reads the newest attempt once there is something to read, or ends with the task. */
  #advance(stream: Stream, view: TaskView): void {
    if (!stream.idle) return
    const isFinal = view.state === 'Completed' || view.state === 'Failed'
    const hasOutput = view.startedAtMs !== null || isFinal
    if (view.attempt > stream.attempt && hasOutput) {
      this.#unwait(stream)
      this.#read(stream, view.attempt, view.nodeId ?? undefined)
    } else if (isFinal || !stream.reader.follow) {
      this.#endRead(stream)
    } else {
      this.#wait(stream)
    }
  }

  #read(stream: Stream, attempt: number, nodeId: string | undefined): void {
    if (nodeId === undefined) {
      this.#end(
        stream,
        new TroupeError('NotFound', `${stream.reader.taskId} has no attempt ${attempt} that is remembered`),
      )
      return
    }
    const session = this.#sessionOf(nodeId)
    if (session === undefined) {
      this.#end(
        stream,
        new TroupeError('Unavailable', 'its node is not connected; its output is kept there, try again later'),
      )
      return
    }
    stream.attempt = attempt
    stream.session = session
    stream.idle = false
    session.channel.send({
      type: 'OpenLog',
      stream: stream.id,
      taskId: stream.reader.taskId,
      attempt,
      follow: stream.reader.follow,
      creditBytes: Math.max(0, stream.creditBytes),
    })
  }

  #wait(stream: Stream): void {
    const { taskId } = stream.reader
    const waiting = this.#waiting.get(taskId) ?? new Set<Stream>()
    // It is told once: whoever answers calls in here again, and the two would keep each other busy for ever.
    if (waiting.has(stream)) return
    waiting.add(stream)
    this.#waiting.set(taskId, waiting)
    this.onIdle(taskId)
  }

  /** Told when a reader begins to wait, so that one whose task is final already is not forgotten. */
  onIdle: (taskId: string) => void = () => {}

  #unwait(stream: Stream): void {
    const waiting = this.#waiting.get(stream.reader.taskId)
    waiting?.delete(stream)
    if (waiting?.size === 0) this.#waiting.delete(stream.reader.taskId)
  }

  #end(stream: Stream, error?: TroupeError): void {
    this.#forget(stream)
    stream.reader.onEnd(error)
  }

  #forget(stream: Stream): void {
    this.#streams.delete(stream.id)
    this.#unwait(stream)
  }
}
