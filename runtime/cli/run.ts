/** `troupe run` */
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import type { TaskSpec } from '../../actors/model.ts'
import { type Cli, newCommand } from './command.ts'
import { openCliLink, withConnection } from './connection.ts'
import { taskExitCodesHelp, UsageError } from './failure.ts'
import { givenSpecFlag, type RunFlags, specFromFlags, withRunFlags, withVariables } from './run-flags.ts'
import type { TaskFile } from './task-file.ts'
import { readTextFile, textFileLimits } from './text-file.ts'

const usage = `
  troupe run IMAGE [COMMAND…]
  troupe run --driver process -- COMMAND…     (or a driver of your own)
  troupe run -f task.yaml

Attached unless -d: transitions and the task's stderr go to stderr, its stdout to stdout. The first Ctrl-C stops
the task, the second kills it, the third leaves it. A lost connection or a closed terminal detaches.`

export function buildRun(cli: Cli): Command {
  const command = newCommand('run', 'Runs a task: a container, or a process.')
    .argument('[words...]', 'IMAGE and COMMAND, or COMMAND alone with any --driver but docker')
    .passThroughOptions()
    .addHelpText('after', usage + taskExitCodesHelp)
  return withConnection(withRunFlags(command)).action(async (words: string[], flags: RunFlags) => {
    const { output, io } = cli
    const { spec, id } = await taskOf(cli, 'run', words, flags)
    const taskId = flags.id ?? id ?? io.random.id(12)
    if (flags.interactive) output.note('troupe: -i has no effect: stdin of a task is /dev/null')
    if (!flags.detach) {
      const { runAttached } = await import('./attached.ts')
      cli.exitCode = await runAttached(cli, flags, taskId, spec)
      return
    }
    const link = await openCliLink(cli, flags)
    try {
      const { task, existing } = await link.persist((client) => client.submit(taskId, spec))
      if (existing) output.note(`troupe: ${taskId} was accepted before; nothing new was made`)
      output.line(task.id)
    } finally {
      await link.close()
    }
  })
}

/** The task that the words, the flags or the file of the command `verb` describe. Throws UsageError with what is wrong. */
export async function taskOf(
  { io }: Cli,
  verb: string,
  words: readonly string[],
  flags: RunFlags,
): Promise<{ spec: TaskSpec; id?: string | undefined }> {
  if (flags.file === undefined) return { spec: specFromFlags(flags, words, io, verb) }
  const flag = givenSpecFlag(flags)
  if (flag) throw new UsageError(`${flag} belongs in ${flags.file} when the task comes from a file.`)
  if (words.length > 0) throw new UsageError(`"${words[0]}" is one too many: the task comes from ${flags.file}.`)
  const { spec, id } = await readTaskFile(io, flags.file)
  return { spec: withVariables(spec, flags, io, verb), id }
}

async function readTaskFile(io: Cli['io'], file: string): Promise<TaskFile> {
  const { parseTaskFile } = await import('./task-file.ts')
  if (file !== '-') {
    const path = resolve(io.cwd, file)
    return parseTaskFile(readTextFile(path, file, 'a task'), file, dirname(path))
  }
  const text = await readAll(io.stdin)
  if (text.length > textFileLimits.fileBytesMax) {
    throw new UsageError(`stdin is larger than ${textFileLimits.fileBytesMax / 1_024} KiB, too large for a task.`)
  }
  return parseTaskFile(text, 'stdin', io.cwd)
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}
