/** Takes the pictures of the inspector that README shows, of a cluster that is at work: `npx tsx scripts/pictures.ts`. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import { connect, type TaskSpec, type Troupe } from '../runtime/index.ts'
import { launchBrowser } from '../test/browser/browser.ts'
import { Cluster, until } from '../test/e2e/cluster.ts'

const folder = resolve(import.meta.dirname, '../docs/images')
const width = 1_280

const workers = [
  { name: 'ada', flags: ['--cpus', '8', '--memory', '16g', '--label', 'disk=ssd'] },
  { name: 'grace', flags: ['--cpus', '8', '--memory', '16g', '--label', 'disk=ssd'] },
  { name: 'edsger', flags: ['--cpus', '4', '--memory', '8g'] },
  { name: 'alan', flags: ['--cpus', '4', '--memory', '8g'] },
  { name: 'barbara', flags: ['--cpus', '16', '--memory', '64g', '--label', 'gpu=yes'] },
]

const shell = (script: string): TaskSpec => ({ driver: 'process', command: ['sh', '-c', script] })
const forever: TaskSpec = { driver: 'process', command: ['sleep', '3600'] }
const restart = { policy: 'on-failure', max: 5, backOffMs: 400 } as const

/** A shop that is at work: some of it runs, some has ended, some waits, some goes wrong. */
const tasks = (flag: string): TaskSpec[] => [
  { ...shell('exit 0'), name: 'migrate-orders', labels: { app: 'shop' } },
  { ...shell('echo cannot reach the mail server >&2; exit 3'), name: 'send-newsletter', labels: { app: 'mail' } },
  ...[1, 2, 3, 4].map((at) => ({ ...forever, name: `web-${at}`, cpus: 1, labels: { app: 'shop' } })),
  ...[1, 2].map((at) => ({ ...forever, name: `search-${at}`, cpus: 2, labels: { app: 'search' } })),
  { ...forever, name: 'train-ranking', cpus: 12, memoryBytes: 2 ** 35, constraints: ['gpu=yes'] },
  { ...forever, name: 'postgres', cpus: 2, memoryBytes: 2 ** 33, constraints: ['disk=ssd'] },
  { ...shell('sleep 1; exit 0'), name: 'nightly-report', labels: { app: 'shop' } },
  {
    ...shell('n=$(cat $TRIES); echo x$n > $TRIES; sleep 1; [ "$n" = xx ] || exit 7; exec sleep 3600'),
    env: { TRIES: flag },
    ...{ name: 'payments', cpus: 0.5, restart, labels: { app: 'shop' } },
  },
  { ...forever, name: 'render-film', cpus: 16, memoryBytes: 2 ** 36 },
]

async function runAll(troupe: Troupe, flag: string): Promise<string> {
  await writeFile(flag, '')
  let payments = ''
  for (const spec of tasks(flag)) {
    const { id } = await troupe.run(spec)
    if (spec.name === 'payments') payments = id
  }
  await until('the third attempt of one of them', async () => {
    const { attempt, state } = (await troupe.get(payments)).getSnapshot().context
    return attempt === 3 && state === 'Running' ? true : undefined
  })
  return payments
}

interface Place {
  readonly at: string
  readonly shows: string
  readonly height: number
}

async function take(page: Page, name: string, { at, shows, height }: Place): Promise<void> {
  await page.setViewportSize({ width, height })
  await page.evaluate((to) => {
    ;(globalThis as unknown as { location: { hash: string } }).location.hash = to
  }, at)
  await page.locator(shows).first().waitFor()
  await page.evaluate('document.activeElement.blur()')
  // Nothing is amid a motion.
  await page.waitForTimeout(2_500)
  await page.screenshot({ path: join(folder, `inspector-${name}.png`) })
}

await mkdir(folder, { recursive: true })
const cluster = await Cluster.open()
const browser = await launchBrowser()
try {
  cluster.startManager()
  const token = await cluster.token()
  for (const { name, flags } of workers) await cluster.startWorker(name, '--driver', 'process', ...flags)
  await cluster.ready(workers.length)
  const troupe = await connect(cluster.address, { token })
  const id = await runAll(troupe, join(cluster.dir, 'payments'))
  const page = await (await browser.newContext({ viewport: { width, height: 760 }, reducedMotion: 'reduce' })).newPage()
  await page.goto(`http://127.0.0.1:${cluster.port}/#token=${token}`)
  const running = `[data-task="${id}"] [data-state="Running"]`
  await take(page, 'tasks', { at: '#/tasks', shows: running, height: 760 })
  const lit = 'figure.chart[data-value="Running.Up"]'
  await take(page, 'task', { at: `#/tasks/${id}`, shows: lit, height: 820 })
  await take(page, 'nodes', { at: '#/nodes', shows: '[data-node][data-busiest]', height: 460 })
  // What is still running would outlive the cluster.
  for await (const task of troupe.listAll()) if (task.outcome === null) await troupe.stop(task.id, { graceMs: 0 })
  await until('the end of all', async () => {
    const { tasks } = await troupe.list()
    return tasks.every(({ outcome }) => outcome !== null) ? true : undefined
  })
  await troupe.close()
} finally {
  await browser.close()
  await cluster.close()
}
