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
import { limitTime } from './time-limit.ts'

export interface LogReading {
  readonly link: Link
  /** As it was asked for, for a sentence. */
  readonly name: string
  readonly options: LogsOptions
  /** The task and its newest state. Rejects as `Troupe.get` does. */
  readonly find: (signal: AbortSignal) => Promise<FoundTask>
}

export interface FoundTask {
  readonly view: TaskView
  /** Waits for states of the task until `signal` is aborted. */
  readonly watch: (signal: AbortSignal) => Watch
}

interface Output extends Pick<LogReading, 'link' | 'options'> {
  readonly taskId: string
  readonly found: FoundTask
}

const incomplete = (taskId: string, attempt: number, why: string): TroupeError =>
  new TroupeError('Unavailable', `The output of attempt ${attempt} of task ${taskId} is not complete: ${why}`)

export async function* readLogs(reading: LogReading): AsyncGenerator<LogLine, void> {
  const { link, options, name } = reading
  // One of its own, so that nothing of this reading stays with a signal that lives longer.
  const stop = new AbortController()
  let late: TroupeError | undefined
  const forget = limitTime(link.clock, `the end of the output of task ${name}`, options, {
    onAbort: () => stop.abort(),
    onLate: (error) => {
      late = error
      stop.abort()
    },
  })
  try {
    if (!stop.signal.aborted) yield* readUntil(reading, stop)
    if (late !== undefined) throw late
  } finally {
    forget()
    stop.abort()
  }
}

async function* readUntil({ link, options, find }: LogReading, stop: AbortController): AsyncGenerator<LogLine, void> {
  const { signal } = stop
  const found = await find(signal).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  if (found === undefined) return
  const { view } = found
  const output = { link, options, found, taskId: view.id }
  if (options.follow) {
    yield* followed(output, options.attempt ?? Math.max(view.attempt, 1), stop)
    return
  }
  const attempt = options.attempt ?? view.attempt
  if (attempt > view.attempt) {
    const had = view.attempt === 0 ? 'none yet' : `${view.attempt} so far`
    throw new TroupeError('NotFound', `Task ${view.id} has no attempt ${attempt} (it had ${had}).`)
  }
  if (attempt > 0) yield* kept(output, attempt, signal)
}

async function* kept(reading: Output, attempt: number, signal: AbortSignal): AsyncGenerator<LogLine, void> {
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
async function* followed(reading: Output, first: number, stop: AbortController): AsyncGenerator<LogLine, void> {
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
  const watch = reading.found.watch(signal)
  const onward = options.attempt === undefined
  void followOutput({ link, taskId, watch, attempt: first, onward, write, onIncomplete, signal })
    .then(finish)
    .then(
      () => lines.end(),
      (error: unknown) => lines.end(error),
    )
  yield* lines
}
