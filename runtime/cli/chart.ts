/** `troupe chart FILE`: draws a state machine, one of Troupe's own or any of XState's, and needs no manager for it. */
import { writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { loadEngine } from '../../inspector/chart/elk.ts'
import { foldGraph } from '../../inspector/chart/fold.ts'
import { type ChartGraph, type MachineLike, readGraph } from '../../inspector/chart/graph.ts'
import { layOut } from '../../inspector/chart/layout.ts'
import { type BuiltInName, builtInMachines, builtInNames } from '../../inspector/chart/machines.ts'
import { drawMermaid } from '../../inspector/chart/mermaid.ts'
import { drawSvg } from '../../inspector/chart/svg.ts'
import { type Cli, newCommand, parseWhole, parsing } from './command.ts'
import { exitCodes, Failure, UsageError } from './failure.ts'
import { loadMachine } from './machine-file.ts'
import { standalonePage } from './standalone.ts'

interface Flags {
  readonly export?: string
  readonly svg?: string
  readonly mermaid?: true
  readonly json?: true
  readonly html?: string
  readonly depth?: number
}

export function buildChart(cli: Cli): Command {
  const description = `Draws a state machine as Mermaid's stateDiagram-v2, as SVG, or as a page for a browser: one of Troupe's own (${builtInNames.join(', ')}), or any that a module exports. The module is loaded, so what stands at its top is run; the machine is not.`
  return newCommand('chart', description)
    .argument(
      '<machine>',
      `one of Troupe's own by its name, or the file of a module (.js, .mjs; .ts where Node takes it)`,
    )
    .option('--export <name>', 'which export, where a module has several machines')
    .option('--svg <file>', 'write SVG to this file; - is stdout')
    .option('--mermaid', 'print Mermaid; it is the default')
    .option('--json', "print the machine's states and transitions as JSON, which the inspector opens")
    .option('--html <file>', 'write a page that shows it, with all it needs in it, to this file; - is stdout')
    .option('--depth <n>', 'leave out states that lie deeper; 1 leaves the outermost', parsing(parseWhole))
    .action(async (name: string, flags: Flags) => {
      const ways = ['svg', 'mermaid', 'json', 'html'] as const
      const [way = 'mermaid', other] = ways.filter((one) => flags[one] !== undefined)
      if (other !== undefined) throw new UsageError(`Choose one of --${way} and --${other}.`)
      const whole = readGraph(await findMachine(cli, name, flags.export))
      const graph = flags.depth === undefined ? whole : foldGraph(whole, flags.depth)
      await give(cli, await drawings[way](graph), flags[way], graph)
    })
}

/** What a chart is printed or saved as. */
const drawings = {
  mermaid: drawMermaid,
  svg: async (graph: ChartGraph) => drawSvg(await layOut(graph, await loadEngine())),
  json: (graph: ChartGraph) => `${JSON.stringify(documentOf(graph), null, 2)}\n`,
  html: (graph: ChartGraph) => standalonePage(documentOf(graph)),
}

/** A chart as a file that the inspector opens. */
const documentOf = (graph: ChartGraph) => ({ format: 'troupe.chart/1', ...graph })

async function give(cli: Cli, text: string, file: string | true | undefined, { id }: ChartGraph): Promise<void> {
  if (file === undefined || file === true || file === '-') return await cli.output.write('stdout', text)
  await save(resolve(cli.io.cwd, file), text)
  cli.output.note(`troupe: the chart of ${id} is in ${file}`)
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
