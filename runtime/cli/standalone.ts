/** The inspector's page as one file that shows a document, wherever it is opened. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exitCodes, Failure } from './failure.ts'

// From sources, as tests run, the build is beside them.
const isBuilt = import.meta.filename.endsWith('.js')
const built = join(import.meta.dirname, isBuilt ? '../../inspector' : '../../dist/inspector', 'standalone.html')

/** What the build leaves for a document. */
const empty = '<script type="application/json" id="troupe-embedded">null</script>'

/** The page with this plain data in it. Throws Failure where the build has no page. */
export async function standalonePage(document: unknown): Promise<string> {
  return embedDocument(await readPage(), document)
}

/** Puts plain data into the page: no sign of it can end the element that bears it. */
export function embedDocument(page: string, document: unknown): string {
  const json = JSON.stringify(document).replaceAll('<', '\\u003c')
  if (!page.includes(empty))
    throw new Failure(exitCodes.error, 'The inspector of this build takes no document; build it again.')
  // By a function, for `$&` in what is put in means nothing.
  return page.replace(empty, () => empty.replace('null', () => json))
}

async function readPage(): Promise<string> {
  try {
    return await readFile(built, 'utf8')
  } catch (error) {
    const next = '"npm run build" makes one.'
    throw new Failure(exitCodes.error, `This build of Troupe has no inspector; ${next}`, { cause: error })
  }
}
