/** `troupe node`; what changes a node is in `node-verbs.ts`. */
import type { Command } from 'commander'
import { modelLimits, type NodeView } from '../../actors/model.ts'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand } from './command.ts'
import { withClient, withConnection } from './connection.ts'
import { jsonText } from './harmless.ts'
import { buildDrain, buildRemove, buildUndrain } from './node-verbs.ts'
import type { Output } from './output.ts'
import { formatSize } from './size.ts'
import { type Column, printable, tableLines } from './table.ts'

interface NodeFlags extends AddressFlags {
  readonly json?: boolean
}

const cores = (cpus: number): string => String(Math.round(cpus * 100) / 100)

const sizeOr = (bytes: number | undefined): string => (bytes === undefined ? '-' : formatSize(bytes))

const stateText = (node: NodeView): string => (node.draining ? `${node.state},Draining` : node.state)

const driversText = (node: NodeView): string =>
  Object.entries(node.drivers)
    .map(([name, state]) => (state === 'complete' ? name : `${name}(unavailable)`))
    .sort()
    .join(',') || '-'

/** What nodes say of their machines; of no use where none does. */
const usedTitles = new Set(['CPU USED', 'MEM USED', 'LOAD', 'DISK FREE'])

const columns = (output: Output): readonly Column<NodeView>[] => [
  { title: 'NAME', text: (node) => node.name },
  { title: 'ID', text: (node) => node.id },
  {
    title: 'STATE',
    text: stateText,
    paint: (text, { state }) => output.paint(state === 'Ready' ? 'green' : state === 'Down' ? 'red' : 'yellow', text),
  },
  { title: 'CPUS', text: ({ reserved, offered }) => `${cores(reserved.cpus)}/${cores(offered.cpus)}` },
  { title: 'CPU USED', spare: 2, text: ({ used }) => (used === undefined ? '-' : cores(used.cpus)) },
  {
    title: 'MEMORY',
    text: ({ reserved, offered }) => `${formatSize(reserved.memoryBytes)}/${formatSize(offered.memoryBytes)}`,
  },
  { title: 'MEM USED', spare: 1, text: ({ used }) => sizeOr(used?.memoryBytes) },
  { title: 'LOAD', spare: 4, text: ({ used }) => used?.load1.toFixed(2) ?? '-' },
  { title: 'DISK FREE', spare: 3, text: ({ used }) => sizeOr(used?.diskFreeBytes) },
  { title: 'TASKS', text: (node) => String(node.tasks) },
  { title: 'PORTS', spare: 5, text: ({ portsHeld }) => (portsHeld === undefined ? '-' : String(portsHeld)) },
  { title: 'DRIVERS', text: driversText },
  {
    title: 'LABELS',
    text: ({ labels }) =>
      Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
  },
]

/** One line for each machine whose nodes offer more than it has. */
export function sharedLines(nodes: readonly NodeView[]): string[] {
  const told = new Set<string>()
  const lines: string[] = []
  for (const { name, sharesMachineWith: others = [] } of nodes) {
    // What it shares its machine with was told of that machine, whether or not it was named itself.
    const isTold = told.has(name) || others.some((other) => told.has(other))
    for (const one of [name, ...others]) told.add(one)
    if (isTold || others.length === 0) continue
    const more = others.length === modelLimits.sharersNamedMax ? ' (and others perhaps)' : ''
    const all = [name, ...others].sort()
    const who = `${all.slice(0, -1).join(', ')} and ${all.at(-1)}${more}`
    const advice = 'start one of them with --cpus and --memory, or stop it'
    lines.push(`${who} run on one machine, whose cpus and memory are counted more than once; ${advice}`)
  }
  return lines.map(printable)
}

export function buildNode(cli: Cli): Command {
  const command = newCommand(
    'node',
    'Lists nodes: what each has reserved of what it offers, what its machine uses, and its tasks.',
  ).option('--json', 'one JSON array')
  command.enablePositionalOptions()
  for (const build of [buildDrain, buildUndrain, buildRemove]) command.addCommand(build(cli))
  return withConnection(command).action(async (flags: NodeFlags) => {
    const { output } = cli
    const { items } = await withClient(cli, flags, (client) => client.nodes())
    const nodes = [...items].sort((a, b) => (a.name < b.name ? -1 : 1))
    if (flags.json) {
      output.line(jsonText(nodes, 2))
      return
    }
    const saysUse = nodes.some(({ used }) => used !== undefined)
    const holdsPorts = nodes.some(({ portsHeld = 0 }) => portsHeld > 0)
    const shown = columns(output).filter(({ title }) =>
      title === 'PORTS' ? holdsPorts : saysUse || !usedTitles.has(title),
    )
    for (const line of tableLines(shown, nodes, output.columns)) output.line(line)
    for (const line of sharedLines(nodes)) output.note(`troupe: ${line}`)
    if (nodes.length === 0) output.note('troupe: no node has registered; start one with "troupe worker --manager …"')
  })
}
