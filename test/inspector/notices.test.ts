/** Whoever gets the page gets the licences of what is in it. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { noticesOf } from '../../scripts/lib/notices.ts'

const root = join(import.meta.dirname, '../..')

test('each package is named once, with its licence and where its source is', () => {
  const files = [
    'inspector/page/main.tsx',
    'node_modules/preact/dist/preact.mjs',
    'node_modules/preact/hooks/dist/hooks.mjs',
    'node_modules/@preact/signals/dist/signals.mjs',
    '/somewhere/node_modules/elkjs/lib/elk-worker.min.js',
  ]
  const text = noticesOf(root, files)
  expect(text.match(/^\S+ \d+\.\d+\.\d+ \(.*\)$/gm)?.map((line) => line.split(' ')[0])).toEqual([
    '@preact/signals',
    'elkjs',
    'preact',
  ])
  expect(text).toContain('Eclipse Public License - v 2.0')
  expect(text).toMatch(/elkjs .*\nIts source: .*kieler\/elkjs/)
})

test('a package without its licence is not bundled in silence', () => {
  expect(() => noticesOf(join(root, 'nowhere'), ['node_modules/preact/a.js'])).toThrow()
})
