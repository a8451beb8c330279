/** `troupe actors [--watch] [ID…]` */
import type { Command } from 'commander'
import type { ActorStep, ActorView } from '../../actors/protocol/inspection.ts'
import { ActorReader, type ActorsOptions } from '../client/actor-stream.ts'
import type { AddressFlags } from './address.ts'
import { type Cli, collect, newCommand } from './command.ts'
import { openCliLink, withConnection } from './connection.ts'
import { UsageError } from './failure.ts'
import { jsonText } from './harmless.ts'
import { printable } from './table.ts'
import { taskReferences } from './task-id.ts'

interface ActorsFlags extends AddressFlags {
  readonly watch?: boolean
  readonly json?: boolean
  readonly node?: readonly string[]
}

export function buildActors(cli: Cli): Command {
  const description =
    'Shows the state machines of the cluster: of the manager, its nodes, their workers and sessions; or of tasks and their attempts.'
  const command = newCommand('actors', description)
    .argument('[id...]', 'of these tasks; an id may be cut to a beginning that is clear', taskReferences)
    .option('--node <name>', 'of this node, by name or id ; may be repeated', collect)
    .option('-w, --watch', 'go on with each step, until interrupted')
    .option('--json', 'one JSON array; with --watch one object in a line for each')
  return withConnection(command).action(async (ids: string[], flags: ActorsFlags) => {
    const { node } = flags
    if (ids.length > 0 && node !== undefined) throw new UsageError('name tasks, or nodes with --node, not both')
    const nodes = node === undefined ? {} : { nodes: [...node] }
    await show(cli, flags, { filter: ids.length > 0 ? { ids } : nodes })
  })
}

async function show(cli: Cli, flags: ActorsFlags, options: ActorsOptions): Promise<void> {
  const { io, output } = cli
  const link = await openCliLink(cli, flags)
  const left = new AbortController()
  const leave = () => left.abort()
  io.stdout.once('error', leave)
  const undo = (['SIGINT', 'SIGTERM'] as const).map((name) => io.onSignal(name, leave))
  const reader = new ActorReader({ ...options, link, signal: left.signal, onClosed: () => {} })
  const isJson = flags.json === true
  try {
    for await (const news of reader) {
      if (news.type === 'Snapshot') {
        if (news.isAgain) output.note('troupe: steps may be missing; this is how the actors stand now')
        const lines = isJson ? jsonLines(news.actors, flags.watch === true) : treeLines(news.actors)
        for (const line of lines) await output.write('stdout', `${line}\n`)
      } else {
        if (news.missed > 0) output.note(`troupe: ${news.missed} steps were left out, for this was too slow`)
        for (const step of news.steps) await output.write('stdout', `${isJson ? jsonText(step) : stepLine(step)}\n`)
      }
      if (flags.watch !== true) break
    }
  } finally {
    for (const forget of undo) forget()
    io.stdout.off('error', leave)
    await link.close()
  }
}

const jsonLines = (actors: readonly ActorView[], inLines: boolean): string[] =>
  inLines ? actors.map((actor) => jsonText(actor)) : [jsonText(actors, 2)]

/** Each below the one that it belongs to; those whose parent is not shown stand at the margin. */
function treeLines(actors: readonly ActorView[]): string[] {
  const shown = new Set(actors.map(({ id }) => id))
  const children = new Map<string, ActorView[]>()
  for (const actor of [...actors].sort((a, b) => (a.id < b.id ? -1 : 1))) {
    const parent = actor.parent !== undefined && shown.has(actor.parent) ? actor.parent : ''
    children.set(parent, [...(children.get(parent) ?? []), actor])
  }
  const rows: [label: string, state: string][] = []
  const add = (parent: string, indent: string) => {
    for (const actor of children.get(parent) ?? []) {
      rows.push([`${indent}${labelOf(actor)}`, stateText(actor)])
      add(actor.id, `${indent}  `)
    }
  }
  add('', '')
  const width = Math.max(0, ...rows.map(([label]) => label.length))
  return rows.map(([label, state]) => `${label.padEnd(width)}  ${state}`)
}

/** With a node's name, which its id does not tell. */
function labelOf({ id, machine, context }: ActorView): string {
  const { name } = (context as { registration?: { name?: unknown } }).registration ?? {}
  return printable(machine === 'node' && typeof name === 'string' ? `${id} (${name})` : id)
}

const stateText = ({ value, status, atMs }: ActorView): string => {
  const how = status === 'active' ? '' : ` (${status})`
  return printable(`${value}${how}${atMs === undefined ? '' : ` since ${new Date(atMs).toISOString()}`}`)
}

const stepLine = ({ atMs, id, event, from, to }: ActorStep): string =>
  printable(`${new Date(atMs).toISOString()}  ${id}  ${event.type}: ${from || '(new)'} → ${to || '(gone)'}`)
