/**
 * A storage of one's own: all that the manager and the worker must not forget is kept in one file of text each, and is
 * there when the Troupe is opened again: `npx tsx examples/own-storage.ts`. The store itself is `file-storage.ts`.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTroupe } from 'troupe'
import { openFileStorage } from './file-storage.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'troupe-file-'))
const fileOf = (host: string) => join(dataDir, `${host}.log`)
const open = () => openTroupe({ dataDir, drivers: ['process'], storage: (host) => openFileStorage(fileOf(host)) })

const first = await open()
const task = await first.run({ driver: 'process', command: ['sh', '-c', 'exit 3'] })
await task.result()
await first.close()

const manager = readFileSync(fileOf('manager'), 'utf8')
console.log(`${manager.split('\n').length - 1} batches, ${manager.length} bytes`)

const second = await open()
const again = await second.get(task.id)
console.log(again.getSnapshot().value, await again.result())
await second.close()
rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
