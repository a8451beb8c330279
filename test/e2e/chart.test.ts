/** The charts as they are shipped: `troupe chart` from dist/, and what the build lays out. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { builtInCharts, chartsFile } from '../../scripts/charts.ts'

const root = resolve(import.meta.dirname, '../..')
const troupe = (...args: string[]) =>
  spawnSync(process.execPath, ['dist/runtime/cli/main.js', 'chart', ...args], { cwd: root, encoding: 'utf8' })

test('the charts of the build are those of the machines', async () => {
  const charts = await builtInCharts()
  expect(JSON.parse(readFileSync(chartsFile, 'utf8'))).toEqual(charts)
  // What a screen of 400 px shows without making texts smaller than three quarters.
  expect(charts.task.outline?.width).toBeLessThan(400 / 0.75)
})

test('the command draws one of them', () => {
  const { status, stdout, stderr } = troupe('task', '--svg', '-')
  expect([stderr, status]).toEqual(['', 0])
  expect(stdout).toMatch(/^<svg .*data-machine="task"/)
})

test('a page of one file shows a machine, and loads nothing from elsewhere', () => {
  const args = ['dist/runtime/cli/main.js', 'chart', 'session', '--html', '-']
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1_024 * 1_024 } as const
  const { status, stdout, stderr } = spawnSync(process.execPath, args, options)
  expect([stderr, status]).toEqual(['', 0])
  const json = /id="troupe-embedded">(.*?)<\/script>/s.exec(stdout)?.[1] ?? ''
  expect(JSON.parse(json)).toMatchObject({ format: 'troupe.chart/1', id: 'session' })
  // Of the elements before the code; within that the signs may stand in texts.
  expect(stdout.slice(0, stdout.indexOf('<script type="module">'))).not.toMatch(
    /<(?:script|link)[^>]* (?:src|href)="(?!data:)/,
  )
})

test('a module in TypeScript is drawn where Node takes it, and otherwise it says what to do', () => {
  const { status, stdout, stderr } = troupe('actors/session.ts')
  if (status === 0) expect(stdout).toContain('state "session" as s0')
  else
    expect([stderr, status]).toEqual([
      expect.stringMatching(/is TypeScript, which Node [\d.]+ does not load; use Node 22\.18 or/),
      1,
    ])
})
