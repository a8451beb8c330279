/**
 * The command line: finds the command, loads that one only, and turns whatever it throws into one sentence and an exit
 * code.
 */
import { Command, CommanderError } from 'commander'
import { version } from '../version.ts'
import type { BuildCommand, Cli } from './command.ts'
import { exitCodeOf, exitCodes } from './failure.ts'
import { harmless } from './harmless.ts'
import type { Io } from './io.ts'
import { Output } from './output.ts'

interface Entry {
  readonly name: string
  readonly summary: string
  readonly load: () => Promise<BuildCommand>
}

const entries: readonly Entry[] = [
  {
    name: 'up',
    summary: 'start a manager and a worker in one process',
    load: async () => (await import('./up.ts')).buildUp,
  },
  { name: 'manager', summary: 'start a manager', load: async () => (await import('./manager.ts')).buildManager },
  { name: 'worker', summary: 'start a worker', load: async () => (await import('./worker.ts')).buildWorker },
  { name: 'run', summary: 'run a task', load: async () => (await import('./run.ts')).buildRun },
  {
    name: 'plan',
    summary: 'say what would come of a task, without running it',
    load: async () => (await import('./plan.ts')).buildPlan,
  },
  { name: 'status', summary: 'list tasks', load: async () => (await import('./status.ts')).buildStatus },
  {
    name: 'events',
    summary: 'print what happened to tasks',
    load: async () => (await import('./events.ts')).buildEvents,
  },
  {
    name: 'actors',
    summary: 'show the state machines of the cluster',
    load: async () => (await import('./actors.ts')).buildActors,
  },
  { name: 'stop', summary: 'stop tasks', load: async () => (await import('./stop.ts')).buildStop },
  { name: 'wait', summary: 'wait until tasks have ended', load: async () => (await import('./wait.ts')).buildWait },
  {
    name: 'rerun',
    summary: 'run a task that has ended again',
    load: async () => (await import('./rerun.ts')).buildRerun,
  },
  {
    name: 'explain',
    summary: 'say why a task is where it is',
    load: async () => (await import('./explain.ts')).buildExplain,
  },
  { name: 'logs', summary: `print a task's output`, load: async () => (await import('./logs.ts')).buildLogs },
  {
    name: 'inspector',
    summary: 'print where a browser can watch it all',
    load: async () => (await import('./inspector.ts')).buildInspector,
  },
  { name: 'stats', summary: 'show what a task uses', load: async () => (await import('./stats.ts')).buildStats },
  {
    name: 'chart',
    summary: 'draw a state machine, of ours or of yours',
    load: async () => (await import('./chart.ts')).buildChart,
  },
  {
    name: 'backup',
    summary: `copy the manager's state while it runs`,
    load: async () => (await import('./backup.ts')).buildBackup,
  },
  {
    name: 'repair',
    summary: `copy what can be read of a manager's damaged store`,
    load: async () => (await import('./repair.ts')).buildRepair,
  },
  {
    name: 'node',
    summary: 'list nodes, drain one, remove one',
    load: async () => (await import('./node.ts')).buildNode,
  },
]

const epilogue = `
Flags come before the environment (TROUPE_ADDR, TROUPE_TOKEN, TROUPE_DATA_DIR), and that before defaults.
Ids may be cut to a beginning that is clear. Exit codes: 0 ok, 1 error, 2 wrong usage, 3 not found,
4 manager unreachable or refusing, 5 it would wait ("plan"); "run" and "wait" exit with the task's code (see their --help).`

/** Runs one command line (without node and script) and answers its exit code. Never rejects. */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  const output = new Output(io.stdout, io.stderr, io.env)
  const cli: Cli = { io, output, exitCode: exitCodes.ok }
  try {
    const program = await buildProgram(args, cli)
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    cli.exitCode = report(error, output)
  }
  await output.flush()
  if (output.writeError && cli.exitCode === exitCodes.ok) {
    output.note(`troupe: stdout cannot be written to: ${output.writeError.message}`)
    cli.exitCode = exitCodes.error
  }
  return cli.exitCode
}

async function buildProgram(args: readonly string[], cli: Cli): Promise<Command> {
  const program = new Command('troupe')
    .description('Run containers and processes as durable actors.')
    .version(version, '-V, --version')
    .enablePositionalOptions()
    .helpCommand('help [command]', 'say how a command is used')
    .addHelpText('after', epilogue)
  const verb = args[0] === 'help' ? args[1] : args[0]
  for (const { name, summary, load } of entries) {
    // Only the command at hand is loaded; the others are there for the list.
    const command = name === verb ? (await load())(cli) : new Command(name)
    program.addCommand(command.summary(summary))
  }
  const within = program.commands.flatMap((command) => command.commands)
  for (const command of [program, ...program.commands, ...within]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => void cli.output.write('stdout', text),
      writeErr: (text) => void cli.output.write('stderr', harmless(text)),
      outputError: (text, write) => write(`troupe: ${faultText(text, command)}`),
    })
    const of = pathOf(command)
    command.showHelpAfterError(`See "troupe${of} --help".`)
  }
  return program
}

/** Commander's sentence. What stands behind the name of an option, or behind one that takes none, may be a secret. */
function faultText(text: string, command: Command): string {
  const [, flag] = /^error: unknown option '(-[^=']*)=/.exec(text) ?? []
  // Of a flag of one letter nothing but the hyphen is told.
  const isKnown =
    flag === '-' ||
    command
      .createHelp()
      .visibleOptions(command)
      .some(({ long }) => long === flag)
  if (flag !== undefined && isKnown) {
    return `${flag === '-' ? 'a flag before "="' : flag} takes no value; leave out the "=" and what follows it.\n`
  }
  return text.replace(/^error: /, '').replace(/^(unknown option '[^=']*)=.*'/s, "$1'")
}

/** ` node drain`; nothing for the program itself. */
const pathOf = (command: Command): string =>
  command.parent === null ? '' : `${pathOf(command.parent)} ${command.name()}`

function report(error: unknown, output: Output): number {
  if (error instanceof CommanderError) {
    // It has said its sentence, or printed its help, itself.
    return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage
  }
  const message = error instanceof Error ? error.message : String(error)
  output.note(`troupe: ${message}`)
  return exitCodeOf(error)
}
