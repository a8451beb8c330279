/** Holds what the documents say of the command line to what the command line says of itself. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exitCodes } from '../../runtime/cli/failure.ts'
import { cli } from './cli-rig.ts'

const root = join(import.meta.dirname, '../..')
const pages = ['README.md', ...readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'))]
const read = (page: string) => readFileSync(join(root, page === 'README.md' ? '' : 'docs', page), 'utf8')

interface Line {
  readonly page: string
  readonly verb: string
  readonly flags: readonly string[]
}

/** Command lines in code, whether in a block or in a sentence, with the flags that they name. */
function linesOf(page: string): Line[] {
  const text = read(page)
  const blocks = [...text.matchAll(/^```(?:sh|console)\n([\s\S]*?)^```/gm)].flatMap(([, body = '']) => body.split('\n'))
  const inline = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
  return [...blocks, ...inline].flatMap((code) => {
    // What stands after `--` is the task's own, and after `#` it is for people.
    const [line = ''] = code.split(/ # | -- /)
    const [, words] = /^(?:\$ )?(?:\.\/scripts\/)?troupe ([a-z].*)$/.exec(line.trim()) ?? []
    if (words === undefined) return []
    const [, verb = ''] = /^((?:node (?:drain|undrain|rm))|[a-z]+)/.exec(words) ?? []
    return [{ page, verb, flags: words.match(/(?<= )--[a-z][a-z-]*/g) ?? [] }]
  })
}

const lines = pages.flatMap(linesOf)

test('there are command lines to be looked at', () => {
  expect(lines.length).toBeGreaterThan(20)
  expect(new Set(lines.map(({ verb }) => verb)).size).toBeGreaterThan(10)
})

test.each([...new Set(lines.map(({ verb }) => verb))])('what is written of "troupe %s" is there', async (verb) => {
  const { code, stdout } = await cli([...verb.split(' '), '--help'])
  expect([code, stdout.includes(`Usage: troupe ${verb}`)]).toEqual([0, true])
  const flags = new Set(stdout.match(/(?<=^ {2}(?:-[a-zA-Z], )?)--[a-z][a-z-]*/gm))
  for (const { page, flags: written } of lines.filter((line) => line.verb === verb)) {
    for (const flag of written) expect(flags, `${flag} of "troupe ${verb}" in ${page}`).toContain(flag)
  }
})

test('the table of exit codes is that of the code', () => {
  const [, table = ''] = read('OPERATIONS.md').split('## What a command exits with')
  const told = [...table.matchAll(/^\| (\d+) /gm)].map(([, code]) => Number(code))
  expect(told).toEqual(Object.values(exitCodes).sort((a, b) => a - b))
})

/** The sources of all tests that start real managers and workers. */
const onRealHosts = ['e2e', 'browser']
  .flatMap((folder) => readdirSync(join(root, 'test', folder)).map((file) => join(root, 'test', folder, file)))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n')

const verbs = 'up manager worker run plan status events actors stop wait rerun explain logs stats backup node'

test.each([...verbs.split(' '), 'node drain'])('each flag of "troupe %s" is tried on real hosts', async (verb) => {
  const { stdout } = await cli([...verb.split(' '), '--help'])
  const flags = [...stdout.matchAll(/^ {2}(?:(-[a-zA-Z]), )?(--[a-z][a-z-]*)/gm)]
  const untried = flags.filter(
    ([, short, long]) => !onRealHosts.includes(`'${long}'`) && !onRealHosts.includes(`'${short}'`),
  )
  expect(untried.map(([, , long]) => long)).toEqual(['--help'])
})
