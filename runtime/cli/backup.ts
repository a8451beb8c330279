/** `troupe backup DIR` */
import { isAbsolute } from 'node:path'
import type { Command } from 'commander'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand, parsing } from './command.ts'
import { withClient, withConnection } from './connection.ts'

export function buildBackup(cli: Cli): Command {
  const description = `Copies the manager's state, consistent as of one moment, while it runs. The copy is a data folder: "troupe manager --data-dir <dir> --new-term" takes over with it. The token is not in it.`
  const command = newCommand('backup', description).argument(
    '<dir>',
    `a folder on the manager's machine, absolute, new or empty`,
    parsing(parseFolder),
  )
  return withConnection(command).action(async (dir: string, flags: AddressFlags) => {
    const { revision, entries } = await withClient(cli, flags, (client) => client.backup(dir))
    cli.output.note(`troupe: ${entries} records up to revision ${revision}`)
    cli.output.line(dir)
  })
}

function parseFolder(text: string): string {
  if (!isAbsolute(text))
    throw new RangeError(`"${text}" is not absolute; it is on the manager's machine, so write the whole path`)
  return text
}
