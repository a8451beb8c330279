/** The built inspector: read from the folder that the build made, once, into memory. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isPageFile, type PageFile } from './http/pages.ts'

// From sources, as tests run, the build is beside them.
const isBuilt = import.meta.filename.endsWith('.js')
const builtFolder = join(import.meta.dirname, isBuilt ? '../inspector' : '../dist/inspector')

/** The files of the page by their names; none if it was not built. Folders in there are not the page's. */
export async function loadInspector(folder = builtFolder): Promise<ReadonlyMap<string, PageFile>> {
  const files = new Map<string, PageFile>()
  for (const name of await namesIn(folder)) {
    const bytes = await readFile(join(folder, name))
    const digest = createHash('sha256').update(bytes).digest('base64url').slice(0, 22)
    files.set(name, { bytes, digest })
  }
  return files
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries.filter((entry) => entry.isFile() && isPageFile(entry.name)).map(({ name }) => name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/**
 * Where a browser finds the page of a manager that is dialled at `address` (`ws://…`), and with which token. It stands in
 * the fragment, which browsers keep to themselves: no server and no log of one gets to see it.
 */
export function inspectorUrl(address: string, token: string): string {
  const url = new URL(address)
  url.protocol = url.protocol === 'wss:' ? 'https:' : 'http:'
  // "Every address" is for listening; of those, this machine's own is the one to be opened here.
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.hostname === '[::]') url.hostname = '[::1]'
  url.hash = `token=${encodeURIComponent(token)}`
  return url.href
}
