/** What a page loads: it holds nothing of Node, and no more than is said. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { bundleForBrowser } from '../browser/bundle.ts'

const root = join(import.meta.dirname, '../..')
/** Gzipped, in bytes; docs/PROTOCOL.md states it in kB. */
const bundleBytesMax = 90_000

test('troupe/browser is bundled without a module of Node, and stays below its stated size', async () => {
  const { code, inputs, outside } = await bundleForBrowser(join(root, 'runtime/browser.ts'))
  expect(outside).toEqual([])
  expect(inputs.filter((path) => path.includes('websocket/') && !path.endsWith('context.ts'))).toEqual([])
  expect(code).not.toMatch(/["'`]node:/)
  const bytes = gzipSync(code, { level: 9 }).length
  expect(bytes).toBeGreaterThan(20_000)
  expect(bytes).toBeLessThan(bundleBytesMax)
  expect(readFileSync(join(root, 'docs/PROTOCOL.md'), 'utf8')).toContain(`${bundleBytesMax / 1_000} kB gzipped`)
})

test('a module of Node would be found', async () => {
  await expect(bundleForBrowser(join(root, 'runtime/connect.ts'))).rejects.toThrow(/Could not resolve "node:/)
})
