/**
 * Bundles the part of TypeBox that Troupe uses into one module of dist/, and has the compiled code import that: TypeBox is
 * hundreds of small modules, and finding them takes longer than all else that a command of the CLI does at its start.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { build } from 'esbuild'

/** What is imported from where; a build that meets any other import of TypeBox fails here. */
const used = {
  typebox: ['Type'],
  'typebox/compile': ['Compile'],
  'typebox/value': ['Check', 'Clean', 'Errors'],
} as const
type Specifier = keyof typeof used

const root = resolve(import.meta.dirname, '..')
const dist = join(root, 'dist')
const bundle = join(dist, 'vendor', 'typebox.js')

const imports = /^import \{([^}]*)\} from '(typebox(?:\/[\w/-]+)?)';?$/gm

await build({
  stdin: {
    contents: Object.entries(used)
      .map(([from, names]) => `export { ${names.join(', ')} } from '${from}'`)
      .join('\n'),
    resolveDir: root,
  },
  outfile: bundle,
  bundle: true,
  format: 'esm',
  platform: 'neutral',
  target: 'es2022',
  legalComments: 'inline',
  logLevel: 'warning',
})

for (const name of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
  if (name.endsWith('.js') && !name.startsWith('vendor')) redirect(join(dist, name))
}

function redirect(path: string): void {
  const source = readFileSync(path, 'utf8')
  const target = relative(dirname(path), bundle)
  const redirected = source.replace(imports, (_whole, names: string, from: string) => {
    const unknown = names.split(',').find((name) => !isUsed(from, name.trim()))
    if (unknown !== undefined) {
      throw new Error(`${relative(root, path)} imports ${unknown.trim()} from '${from}': add it to scripts/vendor.ts`)
    }
    return `import {${names}} from '${target.startsWith('.') ? target : `./${target}`}';`
  })
  if (/from ['"]typebox/.test(redirected))
    throw new Error(`${relative(root, path)} imports TypeBox in a way unknown here`)
  if (redirected !== source) writeFileSync(path, redirected)
}

function isUsed(from: string, name: string): boolean {
  return (used[from as Specifier] as readonly string[] | undefined)?.includes(name) ?? false
}
