/** Bundles for a browser as an application's own tool would. */
import { build } from 'esbuild'

export interface Bundle {
  readonly code: string
  /** Every module that went in, by its path. */
  readonly inputs: readonly string[]
  /** Modules that were left for the browser to find: it has none. */
  readonly outside: readonly string[]
}

/** Throws with esbuild's own sentence where a module cannot be bundled for a browser, such as one of Node's. */
export async function bundleForBrowser(entry: string): Promise<Bundle> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    metafile: true,
    write: false,
    logLevel: 'silent',
  })
  const code = result.outputFiles[0]?.text ?? ''
  const outside = Object.values(result.metafile.outputs).flatMap(({ imports }) => imports.map(({ path }) => path))
  return { code, inputs: Object.keys(result.metafile.inputs), outside }
}
