/** `troupe stats ID` */
import type { Command } from 'commander'
import type { TaskStats } from '../client/task-stats.ts'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand } from './command.ts'
import { openCliLink, withConnection } from './connection.ts'
import { jsonText } from './harmless.ts'
import type { Output } from './output.ts'
import { formatSize } from './size.ts'
import { taskReference } from './task-id.ts'

interface StatsFlags extends AddressFlags {
  readonly json?: boolean
  readonly once?: boolean
}

export function buildStats(cli: Cli): Command {
  const command = newCommand('stats', 'Shows what a task uses, once a second, until it has ended.')
    .argument('<id>', 'the task; its id may be cut to a beginning that is clear', taskReference)
    .option('--once', 'only once: as soon as its use of CPU is known, after about a second')
    .option('--json', 'one JSON object in a line for each sample')
  return withConnection(command).action(async (id: string, flags: StatsFlags) => {
    const { watchStats } = await import('../client/task-stats.ts')
    const link = await openCliLink(cli, flags)
    const left = new AbortController()
    const leave = () => left.abort()
    cli.io.stdout.once('error', leave)
    const undo = (['SIGINT', 'SIGTERM'] as const).map((name) => cli.io.onSignal(name, leave))
    try {
      await print(cli.output, watchStats({ link, id, options: { signal: left.signal } }), flags)
    } finally {
      for (const forget of undo) forget()
      cli.io.stdout.off('error', leave)
      await link.close()
    }
  })
}

async function print(output: Output, samples: AsyncIterable<TaskStats>, flags: StatsFlags): Promise<void> {
  const isLive = output.columns !== undefined && flags.once !== true && flags.json !== true
  /** With `--once`: what is there if the task ends before there is better. */
  let kept: TaskStats | undefined
  let isFirst = true
  for await (const stats of samples) {
    kept = stats
    if (flags.once === true) {
      if (stats.cores === undefined) continue
      break
    }
    if (isLive && !isFirst) await output.write('stdout', '\u001b[2A')
    await output.write(
      'stdout',
      textOf(stats, { ...flags, isHeaded: isLive || isFirst, isLive, columns: output.columns }),
    )
    isFirst = false
  }
  if (flags.once === true && kept !== undefined) {
    await output.write('stdout', textOf(kept, { ...flags, isHeaded: true, isLive: false, columns: output.columns }))
  }
  if (kept === undefined) output.note('troupe: it has ended, so there is nothing to measure any more')
}

interface Style {
  readonly json?: boolean
  readonly isHeaded: boolean
  /** Each line replaces what stood in its place. */
  readonly isLive: boolean
  readonly columns: number | undefined
}

function textOf(stats: TaskStats, { json, isHeaded, isLive, columns }: Style): string {
  if (json) return `${jsonText(stats)}\n`
  const lines = [statsColumns.map(({ text }) => text(stats))]
  if (isHeaded) lines.unshift(statsColumns.map(({ title }) => title))
  return lines.map((cells) => `${lineOf(cells).slice(0, columns)}${isLive ? '\u001b[K' : ''}\n`).join('')
}

const lineOf = (cells: readonly string[]): string =>
  cells
    .map((cell, at) => cell.padEnd(statsColumns[at]?.width ?? 0))
    .join('  ')
    .trimEnd()

const sizeOr = (bytes: number | undefined): string => (bytes === undefined ? '-' : formatSize(bytes))

/** Of fixed widths: the next line is not known yet when one is printed. */
const statsColumns: readonly { title: string; width: number; text: (stats: TaskStats) => string }[] = [
  { title: 'ATTEMPT', width: 7, text: ({ attempt }) => String(attempt) },
  { title: 'CORES', width: 6, text: ({ cores }) => cores?.toFixed(2) ?? '-' },
  { title: 'CPU TIME', width: 10, text: ({ cpuMs }) => `${(cpuMs / 1_000).toFixed(1)}s` },
  {
    title: 'MEMORY',
    width: 17,
    text: ({ memoryBytes, memoryLimitBytes: limit }) =>
      limit === undefined ? formatSize(memoryBytes) : `${formatSize(memoryBytes)}/${formatSize(limit)}`,
  },
  { title: 'NET IN/OUT', width: 17, text: ({ netRxBytes: rx, netTxBytes: tx }) => `${sizeOr(rx)}/${sizeOr(tx)}` },
  { title: 'PIDS', width: 4, text: ({ pids }) => String(pids ?? '-') },
]
