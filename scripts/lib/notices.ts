/** The licences of what is bundled, as those who made it want them told. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One text with the licence of each package that these files are of. Throws for a package that has none with it. */
export function noticesOf(root: string, files: readonly string[]): string {
  const packages = new Set(files.map(packageOf).filter((name) => name !== undefined))
  const notices = [...packages].sort().map((name) => noticeOf(join(root, 'node_modules', name), name))
  const head = "The inspector's page has the work of others in it. These are their licences.\n"
  return [head, ...notices].join(`\n${'-'.repeat(80)}\n\n`)
}

/** The innermost package of a path; undefined for files of our own. */
function packageOf(file: string): string | undefined {
  const at = file.lastIndexOf('node_modules/')
  if (at < 0) return undefined
  const [scope = '', name = ''] = file.slice(at + 'node_modules/'.length).split('/')
  return scope.startsWith('@') ? `${scope}/${name}` : scope
}

interface Package {
  readonly version: string
  readonly license: string
  readonly repository: string | { readonly url: string }
}

function noticeOf(folder: string, name: string): string {
  const { version, license, repository } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Package
  const source = typeof repository === 'object' ? repository.url : repository
  const file = readdirSync(folder).find((entry) => /^(licen[cs]e|copying)(\.\w+)?$/i.test(entry))
  if (file === undefined)
    throw new Error(`${name} comes without its licence; say in scripts/lib/notices.ts where it is`)
  return `${name} ${version} (${license})\nIts source: ${source}\n\n${readFileSync(join(folder, file), 'utf8').trim()}\n`
}
