/** A bit flipped in a table of a manager's store: it is refused, repaired, and served again, whole or by name lost. */
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { until } from './cluster.ts'
import { flipBit, StoreCopy, served } from './damaged-store.ts'
import { FaultWorld } from './fault-world.ts'

const tasks = 40

type Served = Awaited<ReturnType<typeof served>>

/** Tasks that have ended, in tables, and one in the log that goes on. */
async function makeTables(world: FaultWorld): Promise<{ ids: string[]; lasts: string }> {
  await world.startAll()
  const ids: string[] = []
  for (let at = 0; at < tasks; at += 1) ids.push(await world.submit(`t${at}`, { seconds: 0, code: at % 5 }))
  await world.ear.finals(30_000)
  await world.restartManager()
  await world.ready(1)
  const lasts = await world.submit('lasts', { seconds: 'told', code: 3 })
  await world.ear.until(lasts, ({ state }) => state === 'Running')
  return { ids, lasts }
}

async function greatestTable(store: string): Promise<string> {
  const names = (await readdir(join(store, 'db'))).filter((name) => name.endsWith('.sst'))
  const sized = await Promise.all(
    names.map(async (name) => ({ name, size: (await stat(join(store, 'db', name))).size })),
  )
  return join('db', sized.sort((a, b) => b.size - a.size)[0]?.name ?? '')
}

/** What is told is right; what is not told was named by the repair, or begins where nothing could be read. */
function expectNoneWrong(told: Served, whole: Served, lost: string): number {
  let unharmed = 0
  for (const [id, { view, history }] of Object.entries(told)) {
    if (view !== undefined) expect(view, id).toEqual(whole[id]?.view)
    if (history !== undefined && view !== undefined) expect(history, id).toEqual(whole[id]?.history)
    if (view !== undefined && history !== undefined) unharmed += 1
    else if (view !== undefined) expect(lost).toMatch(/lost: log\/|its history may lack transitions/)
    else expect(lost, id).toMatch(new RegExp(`lost: (task|spec)/${id}: |lost: whatever was between .*task/`))
  }
  return unharmed
}

test(
  'a damaged table: the manager refuses and names the repair; then it serves all that is whole, and nothing wrong',
  () =>
    FaultWorld.with(async (world) => {
      const { ids, lasts } = await makeTables(world)
      const whole = await served(world, ids)
      await world.manager.kill('SIGKILL')
      const store = new StoreCopy(join(world.cluster.dir, 'data', 'manager'))
      await store.files()
      const table = await greatestTable(store.dir)
      const repair = ['repair', store.dir] as const
      // Somewhere in it is what a start reads; what only tells of tasks that have ended is found when somebody asks for it.
      let isRefused = false
      for (let part = 15; part >= 3 && !isRefused; part -= 1) {
        await store.restore()
        await flipBit(join(store.dir, table), part / 20)
        const manager = world.startManager()
        isRefused = await Promise.race([manager.ended.then(() => true), world.ready(0).then(() => false)])
        await manager.kill('SIGKILL')
        if (isRefused) expect(manager.stderr).toContain(`\`troupe repair ${store.dir}\``)
      }
      expect(isRefused).toBe(true)
      let repaired: { stdout: string; stderr: string } | undefined
      // At its end is what tells where the rest is, without which nothing can be done.
      for (let part = 2; part < 16 && repaired === undefined; part += 1) {
        await store.restore()
        await flipBit(join(store.dir, table), part / 20)
        const { code, stdout, stderr } = await world.cluster.troupe(...repair)
        if (code !== 0) expect(stderr).toMatch(/Nothing can be taken out of the store|the identity of the cluster/)
        else if (stdout.includes('lost: ')) repaired = { stdout, stderr }
        else await rm(`${store.dir}-repaired`, { recursive: true })
      }
      if (repaired === undefined) throw new Error('no damage led to a repair')
      expect(repaired.stdout).toContain('lost: ')
      expect(repaired.stderr).toContain('--new-term')
      await rename(store.dir, `${store.dir}-damaged`)
      await rename(`${store.dir}-repaired`, store.dir)
      expect((await world.startManager().ended).stderr).toContain('--new-term')
      world.startManager([], undefined, ['--new-term'])
      await world.ready(1)
      const unharmed = expectNoneWrong(await served(world, ids), whole, repaired.stdout)
      // A block holds some records of a part of them.
      expect(unharmed).toBeGreaterThan(0)
      await world.release(lasts)
      // Its state is whole; its history may be among what is lost, and then nobody can follow it.
      const view = await until('it to end', async () => {
        const [row] = await world.cluster.json<{ readonly outcome: string | null }[]>('status', lasts, '--json')
        return row?.outcome ? row : undefined
      })
      expect(view).toMatchObject({ exitCode: 3, attempt: 1 })
      console.log(`of ${tasks} tasks ${unharmed} were served whole after the repair`)
    }),
  120_000,
)
