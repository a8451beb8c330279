/** The inspector's list of tasks, in a real browser, of a real `troupe up`. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { connect, type TaskSpec, type Troupe } from '../../runtime/index.ts'
import { Cluster, type Program } from '../e2e/cluster.ts'
import { launchBrowser } from './browser.ts'
import { addressWith, becomes, printedAddress, Window, type WindowOptions } from './window.ts'

let browser: Browser
let cluster: Cluster
let up: Program
let address: string
let troupe: Troupe
let windows: Window[] = []

const startUp = () => cluster.startUp('--driver', 'process', '--name', 'here')

beforeAll(async () => {
  cluster = await Cluster.open()
  up = startUp()
  browser = await launchBrowser()
  address = await printedAddress(up)
  await cluster.ready(1)
  troupe = await connect(cluster.address, { token: await cluster.token() })
})
afterEach(async () => {
  const opened = windows
  windows = []
  for (const window of opened) await window.close()
})
afterAll(async () => {
  await troupe?.close()
  await browser?.close()
  await cluster?.close()
})

async function open(at = address, options: WindowOptions = {}): Promise<Window> {
  const window = await Window.open(browser, at, options)
  windows.push(window)
  return window
}

/** Runs until the file of its name is there, and exits with what stands in it. */
const waiting = (name: string, more: Partial<TaskSpec> = {}): TaskSpec => ({
  ...{ driver: 'process', name, cpus: 0.05 },
  command: ['sh', '-c', `while [ ! -s ${gateOf(name)} ]; do sleep 0.1; done; exit $(cat ${gateOf(name)})`],
  ...more,
})
const gateOf = (name: string) => join(cluster.dir, `gate-${name}`)
const letEnd = (name: string, code = 0) => writeFile(gateOf(name), String(code))

const count = (window: Window, state: string) => () =>
  window.page.locator(`button[data-state="${state}"]`).getAttribute('data-count')

test('the printed address opens the list, the token leaves it, and tasks move through their states before the eyes', async () => {
  const window = await open()
  const { page } = window
  await page
    .getByRole('heading', { name: 'Tasks', exact: true })
    .or(page.getByText('No task has run'))
    .first()
    .waitFor()
  await page.getByText('No task has run here yet').waitFor()
  await window.isLive()
  expect(address).toContain('#token=')
  expect(page.url()).toBe(`http://127.0.0.1:${cluster.port}/#/`)
  await window.picture('tasks-empty')

  const good = await troupe.run(waiting('good'))
  const bad = await troupe.run(waiting('bad'))
  const tooLarge = await troupe.run(waiting('too-large', { cpus: 4_000 }))
  await window.shows(good.id, 'Running')
  await window.shows(bad.id, 'Running')
  await window.shows(tooLarge.id, 'Pending')
  await becomes('the count of what runs', count(window, 'Running'), '2')
  await becomes('the count of what waits', count(window, 'Pending'), '1')
  expect(await window.row(good.id).textContent()).toContain('here')
  await letEnd('good')
  await window.shows(good.id, 'Completed')
  await letEnd('bad', 3)
  await window.shows(bad.id, 'Failed')
  await window.row(bad.id).getByText('exit 3').waitFor()
  await becomes('the count of what runs', count(window, 'Running'), '0')
  await becomes('the count of what failed', count(window, 'Failed'), '1')
  // Why it waits stands above the list, and in its row.
  const why = await page.locator('.tasks-waiting').textContent()
  expect(why).toMatch(/1 waiting: .*cpu/i)
  await troupe.stop(tooLarge.id)
  await window.row(tooLarge.id).getByText('stopped').waitFor()
})

test('search, filters, keys and links narrow the list and open a task; back and forward go through them', async () => {
  const mine = { labels: { app: 'shop' } }
  const [one, two, three] = await Promise.all([
    troupe.run(waiting('find-one', mine)),
    troupe.run(waiting('find-two', mine)),
    troupe.run(waiting('other')),
  ])
  const window = await open()
  const { page } = window
  for (const { id } of [one, two, three]) await window.shows(id, 'Running')

  await page.keyboard.press('/')
  await becomes('the focus', () => page.evaluate('document.activeElement.type'), 'search')
  await page.keyboard.type('find-')
  await becomes('what is shown', () => page.locator('[data-shown]').getAttribute('data-shown'), '2')
  expect(window.fragment()).toBe('#/tasks?q=find-')
  expect(await window.row(three.id).count()).toBe(0)
  // Down into the list, along it, and into a task.
  await page.keyboard.press('ArrowDown')
  const focused = () => page.evaluate<string | undefined>('document.activeElement.dataset.task')
  await becomes('the first row has the focus', async () => [one.id, two.id].includes((await focused()) ?? ''), true)
  const first = await focused()
  await page.keyboard.press('ArrowDown')
  await becomes('the second row has the focus', async () => (await focused()) !== first, true)
  const second = (await focused()) ?? ''
  expect([one.id, two.id]).toContain(second)
  await page.keyboard.press('Enter')
  await becomes('the address', async () => window.fragment(), `#/tasks/${second}`)
  await page.getByRole('heading', { level: 1, name: /find-(one|two)/ }).waitFor()
  await page.goBack()
  await becomes('the address', async () => window.fragment(), '#/tasks?q=find-')
  await becomes('what is shown', () => page.locator('[data-shown]').getAttribute('data-shown'), '2')
  await page.goForward()
  await becomes('the address', async () => window.fragment(), `#/tasks/${second}`)
  await page.goBack()

  await page.getByRole('button', { name: 'Show all' }).click()
  await window.row(three.id).waitFor()
  await page.locator('button[data-state="Running"]').click()
  await becomes('what is shown', () => page.locator('[data-shown]').getAttribute('data-shown'), '3')
  await page.getByRole('combobox', { name: 'Filter by label' }).selectOption('app=shop')
  await becomes('what is shown', () => page.locator('[data-shown]').getAttribute('data-shown'), '2')
  await window.picture('tasks-narrowed')
  // The address alone is enough for the same view.
  const again = await open(`${addressWith(cluster, await cluster.token())}`)
  await again.isLive()
  await again.visit(window.fragment())
  await becomes('what is shown', () => again.page.locator('[data-shown]').getAttribute('data-shown'), '2')
  // Nothing that fits says so, and leads back.
  await page.getByRole('searchbox', { name: 'Search tasks' }).fill('no such thing')
  await page.getByText('No task fits').waitFor()
  await page.getByRole('button', { name: 'Show all tasks' }).click()
  await window.row(three.id).waitFor()
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keys' }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'hidden' })
  await page.keyboard.press('g')
  await page.keyboard.press('n')
  await becomes('the address', async () => window.fragment(), '#/nodes')
  for (const name of ['find-one', 'find-two', 'other']) await letEnd(name)
})

test('without a token nothing is shown but how to get one; a wrong one is refused; one for looking may not act', async () => {
  const none = await open(addressWith(cluster, undefined))
  await none.page.getByRole('heading', { name: 'This page needs a token' }).waitFor()
  expect(await none.page.locator('[role="row"]').count()).toBe(0)
  await none.picture('token')
  const wrong = await open(addressWith(cluster, 'wrong'))
  await wrong.page.getByRole('heading', { name: 'The manager refuses this token' }).waitFor()
  expect(wrong.page.url()).not.toContain('wrong')
  // It may be given here, too, as the whole address.
  await wrong.page.getByLabel('Token, or the whole address').fill(address)
  await wrong.page.getByRole('button', { name: 'Open' }).click()
  await wrong.isLive()
  await wrong.page.locator('[data-task]').first().waitFor()
  // A reload keeps it; another tab has none of it.
  await wrong.page.reload()
  await wrong.page.locator('[data-task]').first().waitFor()

  const viewToken = (await readFile(join(cluster.dir, 'data', 'view-token'), 'utf8')).trim()
  const view = await open(addressWith(cluster, viewToken))
  await view.page.locator('[data-task]').first().waitFor()
  expect(await view.page.getByRole('button', { name: /^(Run a task|Stop|Drain)/ }).count()).toBe(0)
})

test('a manager that is killed leaves what is shown as stale, and is live again with what happened meanwhile', async () => {
  const { id } = await troupe.run(waiting('through', { name: 'through' }))
  const window = await open()
  window.mayLoseManager = true
  const { page } = window
  await window.shows(id, 'Running')
  await up.kill('SIGKILL')
  await page.locator('[data-connection="stale"]').waitFor()
  await page.getByRole('alert').getByText('as of').waitFor()
  await page.locator('main[data-stale]').waitFor()
  // Nothing is taken away, and nothing is in the way of looking.
  await window.shows(id, 'Running')
  await page.getByRole('searchbox', { name: 'Search tasks' }).fill('through')
  await becomes('what is shown', () => page.locator('[data-shown]').getAttribute('data-shown'), '1')
  await window.picture('tasks-stale')
  await letEnd('through', 7)
  up = startUp()
  await window.isLive()
  await window.shows(id, 'Failed')
  await window.row(id).getByText('exit 7').waitFor()
  expect(await page.locator('main[data-stale]').count()).toBe(0)
})
