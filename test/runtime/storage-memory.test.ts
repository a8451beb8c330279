import { expect, test } from 'vitest'
import { storageConformance } from '../../runtime/conformance/storage.ts'
import { createMemoryStorage } from '../../runtime/storage/memory.ts'

storageConformance({ test, expect }, { open: createMemoryStorage })

test('it needs nothing but microtasks, so that a simulation owns every moment', async () => {
  const storage = createMemoryStorage()
  let done = false
  storage.batch([{ type: 'put', key: 'a', value: Uint8Array.of(1) }], { sync: true, epoch: 1 }).then(() => {
    done = true
  })
  // No timer, no I/O and no setImmediate can run between these.
  for (let turn = 0; turn < 20 && !done; turn += 1) await undefined
  expect(done).toBe(true)
})
