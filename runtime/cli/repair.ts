/** `troupe repair DIR` */
import { readdir, rename, rm } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { formatVersion } from '../host/keys.ts'
import { type RepairReport, repairStore } from '../manager/repair.ts'
import { type Cli, newCommand } from './command.ts'
import { exitCodes, UsageError } from './failure.ts'
import { loggerFor } from './serve.ts'

interface RepairFlags {
  readonly to?: string
}

export function buildRepair(cli: Cli): Command {
  const description = `Copies what can be read of a manager's damaged store into a new one, and lists by name what is lost. <dir> is the folder that the manager has refused; it is left as it is. No manager may run on it meanwhile.`
  return newCommand('repair', description)
    .argument('<dir>', 'the damaged store, such as <data-dir>/manager')
    .option('--to <dir>', 'where the new store is made; new or empty (default: <dir>-repaired)')
    .action(async (dir: string, flags: RepairFlags) => {
      const from = resolve(cli.io.cwd, dir)
      const to = resolve(cli.io.cwd, flags.to ?? `${from}-repaired`)
      const report = await repairTo(cli, from, to)
      tell(cli, report, from, to)
    })
}

async function repairTo(cli: Cli, from: string, to: string): Promise<RepairReport> {
  const inTheWay = await readdir(to).catch(() => [])
  if (inTheWay.length > 0) throw new UsageError(`${to} is not empty; name a new folder with --to`)
  // Beside it, so that nothing half made is ever taken for a store; by names that nobody else would give to a folder, for
  // what a repair that was killed has left is deleted here.
  const [workDir, unfinished] = [`${to}.troupe-repair.work`, `${to}.troupe-repair.unfinished`]
  for (const left of [workDir, unfinished]) await rm(left, { recursive: true, force: true })
  const [{ openRocksdbStorage }, { Salvage }] = await Promise.all([
    import('../storage/rocksdb.ts'),
    import('../storage/rocksdb/salvage.ts'),
  ])
  const salvage = await Salvage.open({ dir: from, workDir, format: formatVersion })
  try {
    const storage = await openRocksdbStorage({ dir: unfinished, logger: loggerFor(cli, {}), format: formatVersion })
    let report: RepairReport
    try {
      report = await repairStore(salvage, storage, cli.io.clock.nowMs())
    } finally {
      await storage.close()
    }
    await rename(unfinished, to)
    return report
  } finally {
    await salvage.close()
    await rm(unfinished, { recursive: true, force: true })
  }
}

/** What is lost goes to stdout, one line each, for it may be long and is to be kept. */
function tell({ output, ...cli }: Cli, { copied, lost }: RepairReport, from: string, to: string): void {
  for (const each of lost) output.line(`lost: ${each}`)
  output.note(`troupe: ${copied} records are in ${to}; ${from} is as it was`)
  const isWhole = lost.length === 0
  const how = isWhole ? 'nothing is lost' : 'start the manager once with --new-term, for history is lost (see above)'
  output.note(`troupe: move ${to} to the place of ${from}; ${how}`)
  cli.exitCode = exitCodes.ok
}
