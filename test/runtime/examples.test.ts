/** The examples are read as a user's task files are, and the manager would take them. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkSpec } from '../../actors/policies.ts'
import { parseTaskFile } from '../../runtime/cli/task-file.ts'

const folder = join(import.meta.dirname, '../../examples')
const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))

test('there are examples of both drivers', () => {
  expect(files.length).toBeGreaterThanOrEqual(2)
})

test.each(files)('%s is a task that can be run', (name) => {
  const path = join(folder, name)
  const { spec } = parseTaskFile(readFileSync(path, 'utf8'), path)
  expect(checkSpec(spec)).toBeUndefined()
})
