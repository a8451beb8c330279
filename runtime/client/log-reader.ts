/** Reads a task's output as lines, across lost connections, each byte once. */
import type { TaskView } from '../../actors/model.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { onAbort } from './abort.ts'
import { backOffMs, pause } from './back-off.ts'
import { followLimits, followOutput, type Watch } from './follow.ts'
import { Handoff } from './handoff.ts'
import { isRetryable, type Link } from './link.ts'
import { LineSplitter, type LogLine, type LogsOptions } from './log-lines.ts'
import type { OutputPiece } from './output.ts'
import { OutputPlace } from './output-place.ts'

export interface LogReading {
  readonly link: Link
  readonly taskId: string
  readonly options: LogsOptions
  /** The task's newest state. Rejects as `Troupe.get` does. */
  readonly view: () => Promise<TaskView>
  /** Waits for states of the task until `signal` is aborted. */
  readonly watch: (signal: AbortSignal) => Watch
}

const incomplete = (taskId: string, attempt: number, why: string): TroupeError =>
  new TroupeError('Unavailable', `The output of attempt ${attempt} of task ${taskId} is not complete: ${why}`)

export async function* readLogs(reading: LogReading): AsyncGenerator<LogLine, void> {
  const { signal } = reading.options
  if (signal?.aborted) return
  // One of its own, so that nothing of this reading stays with a signal that lives longer.
  const stop = new AbortController()
  const forget = onAbort(signal, () => stop.abort())
  try {
    yield* readUntil(reading, stop)
  } finally {
    forget()
    stop.abort()
  }
}

async function* readUntil(reading: LogReading, stop: AbortController): AsyncGenerator<LogLine, void> {
  const { options, taskId } = reading
  const view = await reading.view()
  if (options.follow) {
    yield* followed(reading, options.attempt ?? Math.max(view.attempt, 1), stop)
    return
  }
  const attempt = options.attempt ?? view.attempt
  if (attempt > view.attempt) {
    const had = view.attempt === 0 ? 'none yet' : `${view.attempt} so far`
    throw new TroupeError('NotFound', `Task ${taskId} has no attempt ${attempt} (it had ${had}).`)
  }
  if (attempt > 0) yield* kept(reading, attempt, stop.signal)
}

async function* kept(reading: LogReading, attempt: number, signal: AbortSignal): AsyncGenerator<LogLine, void> {
  const { link, taskId, options } = reading
  const place = new OutputPlace()
  const splitter = new LineSplitter(attempt, () => link.clock.nowMs())
  for (let tries = 0; !signal.aborted; tries += 1) {
    try {
      const client = await link.client()
      place.beginAgain()
      for await (const piece of client.logs(taskId, { attempt, signal })) {
        const news = place.newsOf(piece)
        if (news !== undefined) yield* splitter.push(news)
      }
      break
    } catch (error) {
      if (!isRetryable(error)) throw error
      if (tries + 1 < followLimits.triesAfterEndMax) {
        await pause(link.clock, backOffMs(tries, link.random), signal)
        continue
      }
      const { message } = error as TroupeError
      if (options.onIncomplete === undefined) throw incomplete(taskId, attempt, message)
      options.onIncomplete(attempt, message)
      break
    }
  }
  yield* splitter.end()
}

/** The one that follows pushes; the reader of the lines slows it down by not taking them. */
async function* followed(reading: LogReading, first: number, stop: AbortController): AsyncGenerator<LogLine, void> {
  const { link, taskId, options } = reading
  const { signal } = stop
  const lines = new Handoff<LogLine>(() => stop.abort())
  // Else a reader that waits for the next line would not hear of the abort.
  onAbort(signal, () => lines.end())
  let splitter: { readonly attempt: number; readonly of: LineSplitter } | undefined
  const finish = async () => {
    for (const line of splitter?.of.end() ?? []) await lines.put(line)
    splitter = undefined
  }
  const write = async (piece: OutputPiece, attempt: number) => {
    if (splitter?.attempt !== attempt) {
      await finish()
      splitter = { attempt, of: new LineSplitter(attempt, () => link.clock.nowMs()) }
    }
    for (const line of splitter.of.push(piece)) await lines.put(line)
  }
  const onIncomplete = (attempt: number, why: string) => {
    if (options.onIncomplete === undefined) throw incomplete(taskId, attempt, why)
    options.onIncomplete(attempt, why)
  }
  const watch = reading.watch(signal)
  const onward = options.attempt === undefined
  void followOutput({ link, taskId, watch, attempt: first, onward, write, onIncomplete, signal })
    .then(finish)
    .then(
      () => lines.end(),
      (error: unknown) => lines.end(error),
    )
  yield* lines
}
