/** `troupe repair`: what it leaves behind, and what it leaves alone. */
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { keys } from '../../runtime/host/keys.ts'
import { encodeRecord } from '../../runtime/host/record.ts'
import { cli } from './cli-rig.ts'
import { filesOf, makeRoot, open, writeSynced } from './storage-world.ts'

const root = makeRoot()
afterAll(() => rmSync(root, { recursive: true, force: true }))

async function makeStore(name: string): Promise<string> {
  const dir = join(root, name)
  const storage = await open(dir, { format: 1 })
  await writeSynced(storage, { type: 'put', key: keys.cluster, value: encodeRecord('cluster-1') })
  await storage.close()
  return dir
}

test("a repair deletes what one before it has left, and nobody else's folders", async () => {
  const dir = await makeStore('manager')
  const others = [`${dir}-repaired.work`, `${dir}-repaired.unfinished`]
  const left = [`${dir}-repaired.troupe-repair.work`, `${dir}-repaired.troupe-repair.unfinished`]
  for (const folder of [...others, ...left]) {
    mkdirSync(folder)
    writeFileSync(join(folder, 'notes.txt'), 'mine')
  }
  const before = others.map(filesOf)
  const { code, stderr } = await cli(['repair', dir])
  expect(stderr).toContain(`records are in ${dir}-repaired`)
  expect(code).toBe(0)
  expect(readdirSync(`${dir}-repaired`)).toContain('db')
  expect(others.map(filesOf)).toEqual(before)
  expect(left.filter((folder) => existsSync(folder))).toEqual([])
})

test('a folder that holds anything is no place for the new store, and stays as it is', async () => {
  const dir = await makeStore('worker')
  const to = join(root, 'taken')
  mkdirSync(to)
  writeFileSync(join(to, 'notes.txt'), 'mine')
  const before = filesOf(to)
  const { code, stderr } = await cli(['repair', dir, '--to', to])
  expect(stderr).toContain(`${to} is not empty; name a new folder with --to`)
  expect(code).toBe(2)
  expect(filesOf(to)).toEqual(before)
})
