/** The inspector's list of tasks, in a real browser, of a real `troupe up`. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inspected } from './inspected.ts'
import { becomes, type Window } from './window.ts'

const here = inspected()

const count = (window: Window, state: string) => () =>
  window.page.locator(`button[data-state="${state}"]`).getAttribute('data-count')

test('the printed address opens the list, the token leaves it, and tasks move through their states before the eyes', async () => {
  const window = await here.open()
  const { page } = window
  await page
    .getByRole('heading', { name: 'Tasks', exact: true })
    .or(page.getByText('No task has run'))
    .first()
    .waitFor()
  await page.getByText('No task has run here yet').waitFor()
  await window.isLive()
  expect(here.address).toContain('#token=')
  expect(page.url()).toBe(`http://127.0.0.1:${here.cluster.port}/#/`)
  await window.picture('tasks-empty')

  const good = await here.troupe.run(here.waiting('good'))
  const bad = await here.troupe.run(here.waiting('bad'))
  const tooLarge = await here.troupe.run(here.waiting('too-large', { cpus: 4_000 }))
  await window.shows(good.id, 'Running')
  await window.shows(bad.id, 'Running')
  await window.shows(tooLarge.id, 'Pending')
  await becomes('the count of what runs', count(window, 'Running'), '2')
  await becomes('the count of what waits', count(window, 'Pending'), '1')
  expect(await window.row(good.id).textContent()).toContain('here')
  await here.letEnd('good')
  await window.shows(good.id, 'Completed')
  await here.letEnd('bad', 3)
  await window.shows(bad.id, 'Failed')
  await window.row(bad.id).getByText('exit 3').waitFor()
  await becomes('the count of what runs', count(window, 'Running'), '0')
  await becomes('the count of what failed', count(window, 'Failed'), '1')
  // Why it waits stands above the list, and in its row.
  const why = await page.locator('.tasks-waiting').textContent()
  expect(why).toMatch(/1 waiting: .*cpu/i)
  await here.troupe.stop(tooLarge.id)
  await window.row(tooLarge.id).getByText('stopped').waitFor()
})

/** Two tasks whose names begin with find-. */
async function openFromSearch(window: Window, ids: readonly [string, string]) {
  const { page } = window
  const focused = () => page.evaluate<string | undefined>('document.activeElement.dataset.task')
  // One hit is opened from the search; and the list is entered from the heading, where the focus is on arrival.
  const search = page.getByRole('searchbox', { name: 'Search tasks' })
  await search.fill('find-one')
  await becomes('what is shown', () => page.locator('[data-shown]').getAttribute('data-shown'), '1')
  await search.press('Enter')
  await becomes('the address', async () => window.fragment(), `#/tasks/${ids[0]}`)
  await window.visit('#/tasks?q=find-')
  await becomes('the focus', () => page.evaluate('document.activeElement.tagName'), 'H1')
  await page.keyboard.press('ArrowDown')
  await becomes('a row has the focus', async () => ids.includes((await focused()) ?? ''), true)
}

test('search, filters, keys and links narrow the list and open a task; back and forward go through them', async () => {
  const mine = { labels: { app: 'shop' } }
  const [one, two, three] = await Promise.all([
    here.troupe.run(here.waiting('find-one', mine)),
    here.troupe.run(here.waiting('find-two', mine)),
    here.troupe.run(here.waiting('other')),
  ])
  const window = await here.open()
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
  await openFromSearch(window, [one.id, two.id])

  await page.getByRole('button', { name: 'Show all' }).click()
  await window.row(three.id).waitFor()
  await page.locator('button[data-state="Running"]').click()
  await becomes('what is shown', () => page.locator('[data-shown]').getAttribute('data-shown'), '3')
  await page.getByRole('combobox', { name: 'Filter by label' }).selectOption('app=shop')
  await becomes('what is shown', () => page.locator('[data-shown]').getAttribute('data-shown'), '2')
  await window.picture('tasks-narrowed')
  // The address alone is enough for the same view.
  const again = await here.open(here.addressWith(await here.cluster.token()))
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
  for (const name of ['find-one', 'find-two', 'other']) await here.letEnd(name)
})

test('without a token nothing is shown but how to get one; a wrong one is refused; one for looking may not act', async () => {
  const none = await here.open(here.addressWith(undefined))
  await none.page.getByRole('heading', { name: 'This page needs a token' }).waitFor()
  expect(await none.page.locator('[role="row"]').count()).toBe(0)
  await none.picture('token')
  const wrong = await here.open(here.addressWith('wrong'))
  await wrong.page.getByRole('heading', { name: 'The manager refuses this token' }).waitFor()
  expect(wrong.page.url()).not.toContain('wrong')
  // It may be given here, too, as the whole address.
  await wrong.page.getByLabel('Token, or the whole address').fill(here.address)
  await wrong.page.getByRole('button', { name: 'Open' }).click()
  await wrong.isLive()
  await wrong.page.locator('[data-task]').first().waitFor()
  // A reload keeps it; another tab has none of it.
  await wrong.page.reload()
  await wrong.page.locator('[data-task]').first().waitFor()

  const viewToken = (await readFile(join(here.cluster.dir, 'data', 'view-token'), 'utf8')).trim()
  const view = await here.open(here.addressWith(viewToken))
  await view.page.locator('[data-task]').first().waitFor()
  expect(await view.page.getByRole('button', { name: /^(Run a task|Stop|Drain)/ }).count()).toBe(0)
})

test('a manager that is killed leaves what is shown as stale, and is live again with what happened meanwhile', async () => {
  const { id } = await here.troupe.run(here.waiting('through', { name: 'through' }))
  const window = await here.open()
  window.mayLoseManager = true
  const { page } = window
  await window.shows(id, 'Running')
  await here.killUp()
  await page.locator('[data-connection="stale"]').waitFor()
  await page.getByRole('alert').getByText('as of').waitFor()
  await page.locator('main[data-stale]').waitFor()
  // Nothing is taken away, and nothing is in the way of looking.
  await window.shows(id, 'Running')
  await page.getByRole('searchbox', { name: 'Search tasks' }).fill('through')
  await becomes('what is shown', () => page.locator('[data-shown]').getAttribute('data-shown'), '1')
  await window.picture('tasks-stale')
  await here.letEnd('through', 7)
  await here.startUp()
  await window.isLive()
  await window.shows(id, 'Failed')
  await window.row(id).getByText('exit 7').waitFor()
  expect(await page.locator('main[data-stale]').count()).toBe(0)
})
