/** `troupe chart FILE`: draws a state machine, one of Troupe's own or any of XState's, and needs no manager for it. */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { loadEngine } from '../../inspector/chart/elk.ts'
import { foldGraph } from '../../inspector/chart/fold.ts'
import { type MachineLike, readGraph } from '../../inspector/chart/graph.ts'
import { layOut } from '../../inspector/chart/layout.ts'
import { type BuiltInName, builtInMachines, builtInNames } from '../../inspector/chart/machines.ts'
import { drawMermaid } from '../../inspector/chart/mermaid.ts'
import { drawSvg } from '../../inspector/chart/svg.ts'
import { type Cli, newCommand, parseWhole, parsing } from './command.ts'
import { exitCodes, Failure, UsageError } from './failure.ts'
import { loadMachine } from './machine-file.ts'

interface Flags {
  readonly export?: string
  readonly svg?: string
  readonly mermaid?: true
  readonly depth?: number
}

export function buildChart(cli: Cli): Command {
  const description = `Draws a state machine as Mermaid's stateDiagram-v2, or as SVG: one of Troupe's own (${builtInNames.join(', ')}), or any that a module exports. The module is loaded, so what stands at its top is run; the machine is not.`
  return newCommand('chart', description)
    .argument(
      '<machine>',
      `one of Troupe's own by its name, or the file of a module (.js, .mjs; .ts where Node takes it)`,
    )
    .option('--export <name>', 'which export, where a module has several machines')
    .option('--svg <file>', 'write SVG to this file; - is stdout')
    .option('--mermaid', 'print Mermaid; it is the default')
    .option('--depth <n>', 'leave out states that lie deeper; 1 leaves the outermost', parsing(parseWhole))
    .action(async (name: string, flags: Flags) => {
      if (flags.svg !== undefined && flags.mermaid) throw new UsageError('Choose one of --svg and --mermaid.')
      const whole = readGraph(await findMachine(cli, name, flags.export))
      const graph = flags.depth === undefined ? whole : foldGraph(whole, flags.depth)
      if (flags.svg === undefined) return void (await cli.output.write('stdout', drawMermaid(graph)))
      const svg = drawSvg(await layOut(graph, await loadEngine()))
      if (flags.svg === '-') return void (await cli.output.write('stdout', svg))
      await save(resolve(cli.io.cwd, flags.svg), svg)
      cli.output.note(`troupe: the chart of ${graph.id} is in ${flags.svg}`)
    })
}

async function findMachine(cli: Cli, name: string, exported: string | undefined): Promise<MachineLike> {
  if (!isBuiltIn(name)) return await loadMachine(resolve(cli.io.cwd, name), name, exported)
  if (exported !== undefined)
    throw new UsageError(`"${name}" is Troupe's own machine; for a file of that name write ./${name}.`)
  return builtInMachines[name]
}

const isBuiltIn = (name: string): name is BuiltInName => (builtInNames as readonly string[]).includes(name)

async function save(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text)
  } catch (error) {
    throw new Failure(exitCodes.error, `${path} cannot be written: ${(error as Error).message}.`, { cause: error })
  }
}
