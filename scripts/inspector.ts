/** Builds the inspector's page into dist/inspector/: static files that load nothing from elsewhere. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from 'esbuild'
import { builtInCharts, chartsFile } from './charts.ts'
import { noticesOf } from './lib/notices.ts'
import { standalonePage } from './lib/standalone.ts'

const root = resolve(import.meta.dirname, '..')
const page = join(root, 'inspector', 'page')
const inspectorDir = join(root, 'dist', 'inspector')
/** The layout engine as it comes: it is run in a worker of its own, and only for machines that are not Troupe's. */
const elkWorker = join(root, 'node_modules', 'elkjs', 'lib', 'elk-worker.min.js')

/**
 * The page itself: `app.js`, `app.css`, `index.html`; `elk-worker.js`, which lays out charts that are not built in;
 * `standalone.html`, all of it in one file; `notices.txt`, the licences of what is in them.
 */
export async function buildInspector(): Promise<void> {
  mkdirSync(inspectorDir, { recursive: true })
  const { metafile } = await build({
    entryPoints: { app: join(page, 'main.tsx') },
    outdir: inspectorDir,
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    legalComments: 'none',
    logLevel: 'warning',
    metafile: true,
    define: { 'process.env.NODE_ENV': '"production"' },
  })
  copyFileSync(join(page, 'index.html'), join(inspectorDir, 'index.html'))
  copyFileSync(elkWorker, join(inspectorDir, 'elk-worker.js'))
  writeFileSync(join(inspectorDir, 'notices.txt'), noticesOf(root, [...Object.keys(metafile.inputs), elkWorker]))
  writeFileSync(join(inspectorDir, 'standalone.html'), await standalone())
}

async function standalone(): Promise<string> {
  // They were laid out just before, by the whole build.
  const charts: unknown = existsSync(chartsFile) ? JSON.parse(readFileSync(chartsFile, 'utf8')) : await builtInCharts()
  const built = (name: string) => readFileSync(join(inspectorDir, name), 'utf8')
  return standalonePage({
    index: built('index.html'),
    script: built('app.js'),
    style: built('app.css'),
    data: { 'troupe-charts': charts, 'troupe-elk': built('elk-worker.js') },
  })
}

if (import.meta.filename === process.argv[1]) await buildInspector()
