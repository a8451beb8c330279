/** Who a task runs as: a name or number from its specification, looked up in the machine's own files. */
import { readFileSync } from 'node:fs'
import { StartRefused } from './refusal.ts'

export interface TaskUser {
  readonly uid: number
  readonly gid: number
  /** The groups beside the main one. */
  readonly groups: readonly number[]
  /** HOME, USER, LOGNAME and SHELL as a login would set them. */
  readonly env: Readonly<Record<string, string>>
}

/** Where users and groups are listed; see passwd(5) and group(5). */
export interface AccountFiles {
  readonly passwd: string
  readonly group: string
}

export const systemAccounts: AccountFiles = { passwd: '/etc/passwd', group: '/etc/group' }

/**
 * Looks up `user[:group]`, each a name or a number. Throws `StartRefused` with code `no-such-user` if the machine does
 * not know it, and with `bad-spec` if this process may not become it.
 */
export function findUser(wanted: string, files: AccountFiles = systemAccounts): TaskUser {
  const [userPart = '', groupPart] = wanted.split(':', 2)
  const people = readTable(files.passwd)
  const groups = readTable(files.group)
  const person = findRow(people, userPart)
  const uid = person ? Number(person[2]) : toNumber(userPart)
  if (uid === undefined) {
    throw new StartRefused(
      'no-such-user',
      `There is no user "${userPart}" in ${files.passwd}; name one that is, or use uid:gid.`,
    )
  }
  const gid = findGid(groups, groupPart) ?? (person && groupPart === undefined ? Number(person[3]) : undefined)
  if (gid === undefined) {
    const what = groupPart === undefined ? `no user with the number ${uid}` : `no group "${groupPart}"`
    throw new StartRefused('no-such-user', `There is ${what} on this machine; name one that is, or use uid:gid.`)
  }
  if (process.getuid?.() !== 0 && uid !== process.getuid?.()) {
    throw new StartRefused(
      'bad-spec',
      `This worker does not run as root, so it cannot run a task as user "${wanted}"; leave the user out, or start the worker as root.`,
    )
  }
  const name = person?.[0]
  const others = name === undefined || groupPart !== undefined ? [] : groups.filter((row) => isMember(row, name))
  return {
    uid,
    gid,
    groups: others.map((row) => Number(row[2])).filter((other) => other !== gid),
    env: person
      ? { HOME: person[5] || '/', USER: person[0] ?? '', LOGNAME: person[0] ?? '', SHELL: person[6] || '/bin/sh' }
      : { HOME: '/' },
  }
}

type Row = readonly string[]

const readTable = (path: string): Row[] =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'))

const toNumber = (text: string): number | undefined => (/^\d{1,10}$/.test(text) ? Number(text) : undefined)

/** By name first, for a name may consist of digits. */
const findRow = (rows: readonly Row[], wanted: string): Row | undefined =>
  rows.find((row) => row[0] === wanted) ?? rows.find((row) => row[2] === wanted)

const isMember = (group: Row, name: string): boolean => (group[3] ?? '').split(',').includes(name)

function findGid(groups: readonly Row[], wanted: string | undefined): number | undefined {
  if (wanted === undefined) return undefined
  const row = findRow(groups, wanted)
  return row ? Number(row[2]) : toNumber(wanted)
}
