/** A backup of a manager that is busy, and a new term on it: real processes, real stores. */
import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { openClient as connect } from '../../runtime/connect.ts'
import { Cluster, until } from './cluster.ts'

let cluster: Cluster
afterEach(() => cluster.close())

const sleeper = { driver: 'process' as const, command: ['sleep', '600'] }
const nowhere = { driver: 'process' as const, command: ['true'], constraints: ['node=none'] }

test('a backup made under load is taken over by a new term, and what runs on is adopted', async () => {
  cluster = await Cluster.open()
  const manager = cluster.startManager()
  const token = await cluster.token()
  await cluster.startWorker('only', '--driver', 'process')
  await cluster.ready(1)
  const client = await connect({ url: cluster.address, token })
  const stateOf = async (id: string, of = client) => (await of.query({ ids: [id] })).items[0]
  await client.submit('on', sleeper)
  const before = await until('it to run', async () => {
    const view = await stateOf('on')
    return view?.state === 'Running' ? view : undefined
  })

  const acknowledged: string[] = []
  const load = { goesOn: true }
  const submitting = (async () => {
    for (let at = 0; load.goesOn; at += 1) {
      await client.submit(`load-${at}`, nowhere)
      acknowledged.push(`load-${at}`)
    }
  })()
  await until('some load', async () => (acknowledged.length > 100 ? true : undefined))
  const known = [...acknowledged]
  const copy = join(cluster.dir, 'copy')
  const made = await cluster.troupe('backup', copy)
  load.goesOn = false
  await submitting
  expect([made.code, made.stdout], made.stderr).toEqual([0, `${copy}\n`])
  expect(await readdir(copy)).toEqual(['manager'])
  expect((await cluster.troupe('backup', copy)).stderr).toContain('is not empty')
  expect(await cluster.troupe('backup', 'copy')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('not absolute'),
  })

  await manager.kill('SIGKILL')
  const on = ['manager', '--listen', `127.0.0.1:${cluster.port}`, '--data-dir', copy, '--token', token]
  const refused = await cluster.troupe(...on)
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('take over with --new-term')])
  const next = cluster.start(...on, '--new-term')
  await until('the new term', async () => (next.stdout.includes('manager:') ? true : undefined))
  expect(next.stderr).toContain('a new term')
  const again = await connect({ url: cluster.address, token })
  expect(again.welcome.logId).not.toBe(client.welcome.logId)
  const after = await until('the worker to be back', async () => {
    const view = await stateOf('on', again)
    const [node] = (await again.nodes()).items
    return node?.state === 'Ready' && view?.state === 'Running' && view.detail === '' ? view : undefined
  })
  expect(after).toMatchObject({ attempt: 1, startedAtMs: before.startedAtMs })
  const views = await Promise.all(known.map((id) => stateOf(id, again)))
  expect(views.map((view) => view?.state)).toEqual(known.map(() => 'Pending'))
  await again.stop('on', { graceMs: 0 })
  await until('it to be stopped', async () => ((await stateOf('on', again))?.outcome === 'stopped' ? true : undefined))
  await again.close()
  expect(existsSync(join(copy, 'unfinished'))).toBe(false)
}, 60_000)

test('a manager that keeps nothing on disk has nothing to back up', async () => {
  cluster = await Cluster.open()
  cluster.start('manager', '--listen', `127.0.0.1:${cluster.port}`, '--storage', 'memory')
  await cluster.token()
  const made = await until('an answer', async () => {
    const run = await cluster.troupe('backup', join(cluster.dir, 'copy'))
    return run.code === 4 ? undefined : run
  })
  expect([made.code, made.stderr]).toEqual([2, expect.stringContaining('keeps nothing on disk')])
}, 60_000)
