/** The examples of a storage and a transport of one's own keep to what the ports promise. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { openFileStorage } from '../../examples/file-storage.ts'
import { tapTransport } from '../../examples/tapped-transport.ts'
import { storageConformance } from '../../runtime/conformance/storage.ts'
import { transportConformance } from '../../runtime/conformance/transport.ts'
import type { Storage } from '../../runtime/storage/storage.ts'
import { createWebsocketTransport } from '../../transport/websocket.ts'
import { socketWorld } from '../transport/socket-world.ts'

const root = mkdtempSync(join(tmpdir(), 'troupe-ports-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const aFile = () => join(mkdtempSync(join(root, 's-')), 'store.log')

describe('file-storage.ts', () => {
  const paths = new WeakMap<Storage, string>()
  const openAt = async (path: string) => {
    const storage = await openFileStorage(path)
    paths.set(storage, path)
    return storage
  }
  storageConformance(
    { test, expect },
    { open: () => openAt(aFile()), reopen: (storage) => openAt(paths.get(storage) as string) },
  )

  const written = async (...keys: string[]) => {
    const path = aFile()
    const storage = await openFileStorage(path)
    for (const key of keys) {
      await storage.batch([{ type: 'put', key, value: Buffer.from(key) }], { sync: true, epoch: 1 })
    }
    await storage.close()
    return path
  }
  const keysIn = async (path: string) => {
    const storage = await openFileStorage(path)
    const keys: string[] = []
    for await (const [key] of storage.scan({})) keys.push(key)
    await storage.close()
    return keys
  }

  test('a last line that was cut short is left out, and what is written after it is read', async () => {
    const path = await written('a', 'b')
    appendFileSync(path, readFileSync(path, 'utf8').split('\n').at(-2)?.slice(0, 12) as string)
    expect(await keysIn(path)).toEqual(['a', 'b'])
    const storage = await openFileStorage(path)
    await storage.batch([{ type: 'put', key: 'c', value: new Uint8Array() }], { sync: true, epoch: 1 })
    await storage.close()
    expect(await keysIn(path)).toEqual(['a', 'b', 'c'])
  })

  test('a damaged line is told of, and the file is left as it is', async () => {
    const path = await written('a', 'b')
    const damaged = readFileSync(path, 'utf8').replace('"a"', '"e"')
    writeFileSync(path, damaged)
    await expect(openFileStorage(path)).rejects.toMatchObject({ code: 'damaged' })
    expect(readFileSync(path, 'utf8')).toBe(damaged)
  })

  test('a folder that is not there is said in one sentence', async () => {
    await expect(openFileStorage(join(root, 'nowhere', 'store.log'))).rejects.toMatchObject({ code: 'io' })
  })
})

describe('tapped-transport.ts', () => {
  transportConformance(
    { test, expect },
    {
      open: () =>
        socketWorld('127.0.0.1', (limits) => tapTransport(createWebsocketTransport({ limits }), () => undefined)),
    },
  )

  test('each frame is told once at either end, and none that was not sent', async () => {
    const told: string[] = []
    const limits = { frameBytesMax: 1_024, frameDepthMax: 8, sendBufferBytesHigh: 1_024, sendBufferBytesMax: 4_096 }
    const transport = tapTransport(createWebsocketTransport({ limits }), (direction, frame) =>
      told.push(`${direction} ${frame}`),
    )
    const protocols = ['troupe.v1.json']
    let hearOfEnd = () => {}
    const closed = new Promise<void>((resolve) => {
      hearOfEnd = resolve
    })
    const listener = await transport.listen('127.0.0.1:0', {
      protocols,
      onConnection: (accepted) => {
        accepted.onFrame = (frame) => {
          told.push(`handed over ${frame}`)
          accepted.close(1000, '')
        }
        accepted.onClose = () => hearOfEnd()
      },
    })
    const connection = await transport.connect(listener.address, { protocols })
    expect(() => connection.send('x'.repeat(2_000))).toThrow()
    connection.send('hi')
    await closed
    connection.close(1000, '')
    connection.send('late')
    await listener.close()
    expect(told).toEqual(['out hi', 'in hi', 'handed over hi'])
  })
})
