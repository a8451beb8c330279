/** Two workers on one machine: it is noticed, said once, shown with both, and over when it is over. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { NodeMachine, NodeView } from '../../actors/model.ts'
import { sharedLines } from '../../runtime/cli/node.ts'
import { parseMachineId, readMachineId } from '../../runtime/gauge/machine-id.ts'
import { Rig } from './manager-rig.ts'
import { ScriptedWorker } from './manager-worker.ts'

const gib = 2 ** 30
const machine: NodeMachine = { id: 'a1'.repeat(32), resources: { cpus: 4, memoryBytes: 4 * gib } }
const other: NodeMachine = { ...machine, id: 'b2'.repeat(32) }

describe('a machine id', () => {
  let dir: string
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'troupe-machine-'))
  })
  afterEach(() => rm(dir, { recursive: true }))

  const file = async (name: string, text: string): Promise<string> => {
    await writeFile(join(dir, name), text)
    return join(dir, name)
  }

  test('is a hash that says nothing of the id itself, and the same each time', async () => {
    const raw = '3d1219c7c4c5404aaa1f6d2a48adfda4'
    const path = await file('machine-id', `${raw}\n`)
    const id = await readMachineId([path])
    expect(id).toMatch(/^[0-9a-f]{64}$/)
    expect(id).not.toContain(raw)
    expect(await readMachineId([path])).toBe(id)
    expect(await readMachineId([await file('another', `${raw.replace('3', '4')}\n`)])).not.toBe(id)
  })

  test('is that of D-Bus where there is no other, and none where there is none', async () => {
    const empty = await file('machine-id', '')
    const missing = join(dir, 'nowhere')
    const dbus = await file('dbus', `${'1f'.repeat(16)}\n`)
    expect(await readMachineId([empty, dbus])).toBe(await readMachineId([dbus]))
    expect(await readMachineId([empty, missing])).toBeUndefined()
  })

  test.each(['', 'uninitialized\n', '0'.repeat(32), 'zz'.repeat(16), '1f'.repeat(15)])('is not %j', (text) =>
    expect(parseMachineId(text)).toBeUndefined(),
  )
})

describe('a manager', () => {
  let rig: Rig
  beforeEach(async () => {
    rig = await Rig.start()
  })
  afterEach(async () => {
    expect(rig.failures).toEqual([])
    await rig.crash()
  })

  const worker = (nodeId: string, of: NodeMachine | undefined, cpus = 4) =>
    rig.worker({ nodeId, cpus, ...(of === undefined ? {} : { node: { machine: of } }) })
  const warnings = () => rig.logged.filter((line) => line.startsWith('warn') && line.includes('same machine'))
  const sharers = async () =>
    Object.fromEntries((await (await rig.client()).nodes()).items.map((node) => [node.name, node.sharesMachineWith]))

  test('warns once when a second worker of a machine registers, and shows it with both', async () => {
    const first = await worker('a', machine)
    await worker('c', other)
    await worker('d', undefined)
    expect(warnings()).toEqual([])
    await worker('b', machine)
    expect(warnings()).toEqual([
      'warn node name-b runs on the same machine as name-a, and together they offer more than it has, so that tasks share it unawares; start one of them with --cpus and --memory, or stop it',
    ])
    const shared = { 'name-a': ['name-b'], 'name-b': ['name-a'], 'name-c': undefined, 'name-d': undefined }
    expect(await sharers()).toEqual(shared)
    // Sessions come and go: nothing new is to be said of it.
    first.close()
    await rig.settle()
    await rig.join(first)
    expect(warnings()).toHaveLength(1)
    expect(await sharers()).toEqual(shared)
  })

  test('says nothing once they offer no more than the machine has', async () => {
    const half = { cpus: 2, memoryBytes: 2 * gib }
    await worker('a', machine)
    const second = new ScriptedWorker({ nodeId: 'b', ...half, node: { machine } })
    await rig.join(second)
    expect(await sharers()).toMatchObject({ 'name-a': ['name-b'] })
    await rig.join(new ScriptedWorker({ nodeId: 'a', incarnation: 'i-a', ...half, node: { machine } }))
    expect(await sharers()).toEqual({ 'name-a': undefined, 'name-b': undefined })
    expect(warnings()).toHaveLength(1)
  })

  test('forgets it when one is Down, tells whoever follows nodes, and knows it again after a restart', async () => {
    const [a] = [await worker('a', machine), await worker('b', machine)]
    const told: NodeView[] = []
    const client = await rig.client()
    client.subscribe({ topic: 'nodes', from: 'snapshot' }, { onDelta: ({ node }) => void (node && told.push(node)) })
    await rig.settle()
    await rig.restart()
    // Before any of them has come back: it is in their records.
    expect(await sharers()).toMatchObject({ 'name-a': ['name-b'], 'name-b': ['name-a'] })
    await rig.join(a as ScriptedWorker)
    const later = await rig.client()
    later.subscribe({ topic: 'nodes', from: 'now' }, { onDelta: ({ node }) => void (node && told.push(node)) })
    await rig.advance(12_000, [a as ScriptedWorker])
    expect(await sharers()).toEqual({ 'name-a': undefined, 'name-b': undefined })
    const last = told.filter(({ id }) => id === 'a').at(-1)
    expect(last).toMatchObject({ name: 'name-a', state: 'Ready' })
    expect(last).not.toHaveProperty('sharesMachineWith')
  })

  test('names eight of many', async () => {
    for (const at of Array.from({ length: 12 }, (_, index) => index)) await worker(`n${at}`, machine)
    const lists = Object.values(await sharers())
    expect(lists).toHaveLength(12)
    for (const list of lists) expect(list).toHaveLength(8)
  })
})

describe('what "troupe node" says below its table', () => {
  const node = (name: string, ...others: string[]) =>
    ({ name, ...(others.length > 0 ? { sharesMachineWith: others } : {}) }) as NodeView

  test('is one line for each machine', () => {
    const nodes = [node('vm-a', 'vm-b'), node('vm-b', 'vm-a'), node('vm-c'), node('x', 'y', 'z'), node('y', 'x', 'z')]
    expect(sharedLines([...nodes, node('z', 'x', 'y')])).toEqual([
      'vm-a and vm-b run on one machine, whose cpus and memory are counted more than once; start one of them with --cpus and --memory, or stop it',
      'x, y and z run on one machine, whose cpus and memory are counted more than once; start one of them with --cpus and --memory, or stop it',
    ])
    expect(sharedLines([node('a'), node('b')])).toEqual([])
  })

  test('is one line for a machine with more nodes than are named', () => {
    const names = Array.from({ length: 12 }, (_, at) => `n${String(at).padStart(2, '0')}`)
    const nodes = names.map((name) => node(name, ...names.filter((other) => other !== name).slice(0, 8)))
    expect(sharedLines(nodes)).toHaveLength(1)
    expect(sharedLines(nodes)[0]).toContain('n07 and n08 (and others perhaps) run on one machine')
  })
})
