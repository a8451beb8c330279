/** Builds the inspector's page into dist/inspector/: static files that load nothing from elsewhere. */
import { copyFileSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'

const root = resolve(import.meta.dirname, '..')
const page = join(root, 'inspector', 'page')
export const inspectorDir = join(root, 'dist', 'inspector')

/** The page itself: `app.js`, `app.css`, `index.html`. */
export async function buildInspector(): Promise<void> {
  mkdirSync(inspectorDir, { recursive: true })
  await build({
    entryPoints: { app: join(page, 'main.tsx') },
    outdir: inspectorDir,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
    define: { 'process.env.NODE_ENV': '"production"' },
  })
  copyFileSync(join(page, 'index.html'), join(inspectorDir, 'index.html'))
}

if (import.meta.filename === process.argv[1]) await buildInspector()
