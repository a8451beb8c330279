/**
 * Which machine this process runs on, so that a manager notices two workers on one: an id that is Troupe's own.
 *
 * A machine's id in /etc/machine-id is to be kept confidential; machine-id(5) and sd_id128_get_machine_app_specific(3) say
 * to show a hash that is keyed with it instead, which tells nobody the id and differs for each application.
 */
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'

/** Where Linux keeps it, and where D-Bus does on machines without systemd. */
const files = ['/etc/machine-id', '/var/lib/dbus/machine-id'] as const

/** Troupe's own id as an application; another one would make other machines of all. */
const application = 'troupe.5c3fd0ab-7a3c-4f5e-9c1e-3d4c9c1b7e52'

/** 64 hexadecimal digits; undefined where there is no such id, as in many containers. */
export async function readMachineId(paths: readonly string[] = files): Promise<string | undefined> {
  for (const path of paths) {
    const id = parseMachineId(await readFile(path, 'latin1').catch(() => ''))
    if (id !== undefined) return createHmac('sha256', Buffer.from(id, 'hex')).update(application).digest('hex')
  }
  return undefined
}

/** Undefined for a file that is empty, says `uninitialized`, or holds zeros: that is no machine's id. */
export function parseMachineId(text: string): string | undefined {
  const id = text.trim().toLowerCase()
  return /^[0-9a-f]{32}$/.test(id) && !/^0+$/.test(id) ? id : undefined
}
