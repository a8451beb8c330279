/** `troupe run` */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { TaskSpec } from '../../actors/model.ts'
import { type Cli, newCommand } from './command.ts'
import { openCliLink, withConnection } from './connection.ts'
import { taskExitCodesHelp, UsageError } from './failure.ts'
import { givenSpecFlag, type RunFlags, specFromFlags, withRunFlags } from './run-flags.ts'
import type { TaskFile } from './task-file.ts'

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
    const { spec, id } = await taskOf(cli, words, flags)
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

/** The task that the words, the flags or the file describe. Throws UsageError with what is wrong. */
export async function taskOf(
  { io }: Cli,
  words: readonly string[],
  flags: RunFlags,
): Promise<{ spec: TaskSpec; id?: string | undefined }> {
  if (flags.file === undefined) return { spec: specFromFlags(flags, words, io.env) }
  const flag = givenSpecFlag(flags)
  if (flag) throw new UsageError(`${flag} belongs in ${flags.file} when the task comes from a file.`)
  if (words.length > 0) throw new UsageError(`"${words[0]}" is one too many: the task comes from ${flags.file}.`)
  return readTaskFile(io, flags.file)
}

async function readTaskFile(io: Cli['io'], file: string): Promise<TaskFile> {
  const { parseTaskFile, taskFileLimits } = await import('./task-file.ts')
  const text = file === '-' ? await readAll(io.stdin) : readText(resolve(io.cwd, file), file)
  if (text.length > taskFileLimits.fileBytesMax) {
    throw new UsageError(`${file} is larger than ${taskFileLimits.fileBytesMax / 1_024} KiB, too large for a task.`)
  }
  return parseTaskFile(text, file === '-' ? 'stdin' : file)
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

function readText(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a folder' : message
    throw new UsageError(`${file} cannot be read: ${why}.`, { cause: error })
  }
}
