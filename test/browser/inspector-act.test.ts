/** What can be done from the inspector, in a real browser, with a real `troupe up`; and its nodes and actors. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Locator } from 'playwright-core'
import { expect, test } from 'vitest'
import { until } from '../e2e/cluster.ts'
import { inspected } from './inspected.ts'
import { becomes, patienceMs, type Window } from './window.ts'

const here = inspected()

/** Runs in the page. */
const pathsOf = (states: unknown[]) =>
  (states as { getAttribute(name: string): string }[]).map((state) => state.getAttribute('data-path'))

async function fillWishAndSecret(window: Window, form: Locator) {
  // What would be refused is said before it is sent, in the manager's words.
  await form.getByText('Ports and nodes').click()
  await form.getByLabel('Ports', { exact: true }).fill('80\n80/tcp')
  await form.getByLabel('Secret variable 1', { exact: true }).fill('API_KEY')
  await form.getByLabel('Value of secret variable 1').fill('hunter2')
  await form.getByRole('button', { name: 'Run', exact: true }).click()
  await form.getByText('The port 80 of the task is named twice: name each once.').waitFor()
  // None is asked for: on a machine that others use it may be taken.
  await form.getByLabel('Ports', { exact: true }).fill('')
  await form.getByLabel('Rather on nodes with').fill('node=here:80')
  await window.picture('run')
  await form.getByLabel('As JSON').check()
  expect(await form.getByRole('textbox', { name: 'Specification' }).inputValue()).not.toContain('API_KEY')
  await form.getByLabel('As JSON').uncheck()
}

async function hasWishAndSecret({ page }: Window, id: string) {
  expect((await (await here.troupe.get(id)).explain()).spec).toMatchObject({
    ...{ affinities: [{ expression: 'node=here', weight: 80 }], secretEnv: { API_KEY: '***' } },
  })
  expect(
    await page.evaluate<string>(
      'JSON.stringify([location, { ...sessionStorage }, { ...localStorage }, history.state])',
    ),
  ).not.toContain('hunter2')
}

test('a task is run from the page, stopped once that is confirmed, and run again', async () => {
  const window = await here.open()
  const { page } = window
  await page.getByRole('button', { name: 'Run a task' }).first().click()
  const form = page.getByRole('dialog', { name: 'Run a task' })
  await form.getByLabel('Name').fill('by hand')
  await form.getByLabel('Cores').fill('many')
  await form.getByLabel('Command').fill("sh -c 'echo from the page; exec sleep 600'")
  await form.getByRole('button', { name: 'Run', exact: true }).click()
  // What is wrong is said at its field, and nothing was run.
  await form.locator('[aria-invalid="true"]').waitFor()
  expect((await here.troupe.list()).tasks).toHaveLength(0)
  await form.getByLabel('Cores').fill('0.05')
  await fillWishAndSecret(window, form)
  await form.getByRole('button', { name: 'Run', exact: true }).click()
  await form.waitFor({ state: 'hidden' })
  await page.getByRole('heading', { level: 1, name: 'by hand' }).waitFor()
  const id = (await here.troupe.list()).tasks[0]?.id ?? ''
  expect(window.fragment()).toBe(`#/tasks/${id}`)
  const value = () => page.locator('figure.chart').getAttribute('data-value')
  await becomes('the state of the chart', value, 'Running.Up')
  await hasWishAndSecret(window, id)

  // What would come of an event is shown before it is sent.
  await page.getByRole('button', { name: 'Send an event…' }).click()
  const sending = page.getByRole('dialog', { name: `Send an event to ${id}` })
  await sending.getByLabel('Event', { exact: true }).selectOption('Stop')
  await sending.locator('[data-preview="goes"]').getByText('Running.Stopping').waitFor()
  await window.picture('send')
  await page.keyboard.press('Escape')
  await sending.waitFor({ state: 'hidden' })

  const stop = page.getByRole('button', { name: 'Stop…' })
  await stop.click()
  const sure = page.getByRole('dialog', { name: 'Stop by hand?' })
  await sure.waitFor()
  await window.picture('stop')
  // The focus begins on what changes nothing, and Escape is the same.
  expect(await page.evaluate('document.activeElement.textContent')).toBe('Cancel')
  await page.keyboard.press('Escape')
  await sure.waitFor({ state: 'hidden' })
  expect((await here.troupe.get(id)).getSnapshot().context.detail).not.toBe('Stopping')
  await stop.click()
  await sure.getByRole('button', { name: 'Stop', exact: true }).click()
  await page.getByRole('button', { name: 'Run again' }).click()
  await becomes('another task', async () => window.fragment() !== `#/tasks/${id}`, true)
  await becomes('the state of the chart', value, 'Running.Up')
  const again = (await here.troupe.list()).tasks.find((task) => task.id !== id)
  expect(window.fragment()).toBe(`#/tasks/${again?.id}`)
  expect((await here.troupe.get(id)).getSnapshot().context.outcome).toBe('stopped')
  await page.getByRole('button', { name: 'Stop…' }).click()
  await page.getByRole('button', { name: 'Kill it at once instead…' }).click()
  await page.getByRole('button', { name: 'Kill now', exact: true }).click()
  await page.getByRole('button', { name: 'Run again' }).waitFor()
})

test('an event is chosen in the chart: who reports it is told, or what it would do, and it is sent once that is confirmed', async () => {
  const { id } = await here.troupe.run(here.waiting('told'))
  const window = await here.open()
  const { page } = window
  await window.visit(`#/tasks/${id}`)
  await page.locator('figure.chart[data-value="Running.Up"]').waitFor()
  await page.getByRole('button', { name: 'Outline', exact: true }).click()
  const sending = page.getByRole('dialog', { name: `Send an event to ${id}` })
  const pressInChart = (edge: string) =>
    until(
      `${edge} was pressed`,
      async () => {
        // What is drawn late beside it may have moved the chart since.
        await page.getByRole('button', { name: 'Fit', exact: true }).click()
        const words = page.locator(`[data-edge="${edge}"]`).first()
        return words.click({ timeout: 3_000 }).then(
          () => true,
          () => undefined,
        )
      },
      patienceMs,
    )
  const send = sending.getByRole('button', { name: /^(Really send|Send) / })
  await pressInChart('task.Running|Exited|0')
  await sending.locator('[data-event="Exited"]').getByText('Nobody can send Exited. Its worker reports this').waitFor()
  expect(await send.count()).toBe(0)
  await page.keyboard.press('Escape')
  await sending.waitFor({ state: 'hidden' })

  await pressInChart('task.Running|Stop|0')
  const preview = sending.locator('[data-event="Stop"] [data-preview]')
  await preview.getByText('It would go to Running.Stopping, because it is on a node').waitFor()
  await preview.getByText('stopCause: ').waitFor()
  await send.click()
  // Once is not enough, for it ends what runs.
  await becomes('what the button says', () => send.textContent(), 'Really send Stop')
  expect((await here.troupe.get(id)).getSnapshot().context).toMatchObject({ state: 'Running', detail: '' })
  await send.click()
  await here.troupe.wait(id)
  expect((await here.troupe.get(id)).getSnapshot().context.outcome).toBe('stopped')
  await sending.getByText('It stands in Completed.').waitFor()
  await preview.getByText('Nothing would happen. It is Completed, which is final.').waitFor()
  await window.picture('sent')
  await page.keyboard.press('Escape')
  await page.locator('figure.chart[data-value="Completed"]').waitFor()
})

test('nodes are a map of how busy each is; one is drained and takes tasks again', async () => {
  const { id } = await here.troupe.run(here.waiting('busy', { cpus: 0.5 }))
  const window = await here.open()
  const { page } = window
  await window.isLive()
  await window.shows(id, 'Running')
  await window.visit('#/nodes')
  await page.getByRole('heading', { level: 1, name: '1 node' }).waitFor()
  await page.locator('[data-busiest]').getByText('here').first().waitFor()
  const tile = page.locator('[data-node]')
  await becomes(
    'what is reserved and used',
    async () => /here.*\d tasks?.*Ready.*0\.\d+ \/ \d.*reserved, [\d.]+ used/.test((await tile.textContent()) ?? ''),
    true,
  )
  await window.picture('nodes')
  await page.getByRole('button', { name: 'Table' }).click()
  await page.getByRole('rowheader', { name: 'here' }).waitFor()
  await page.getByRole('link', { name: 'here', exact: true }).first().click()
  await page.getByRole('heading', { level: 1, name: 'here' }).waitFor()
  await page.locator('figure.chart[data-machine="node"]').waitFor()
  await window.picture('node')
  await page.getByRole('button', { name: 'Drain…' }).click()
  const sure = page.getByRole('dialog', { name: 'Drain here?' })
  await sure.getByText('may not: waited for until it ends').waitFor()
  await sure.getByRole('button', { name: 'Drain', exact: true }).click()
  await page.getByRole('button', { name: 'Undrain' }).waitFor()
  const waits = await here.troupe.run(here.waiting('after-the-drain'))
  await becomes(
    'what the task waits for',
    async () => (await here.troupe.get(waits.id)).getSnapshot().context.state,
    'Pending',
  )
  await page.getByRole('button', { name: 'Undrain' }).click()
  await page.getByRole('button', { name: 'Undrain' }).waitFor({ state: 'hidden' })
  await becomes('its state', async () => (await here.troupe.get(waits.id)).getSnapshot().context.state, 'Running')
  await here.letEnd('busy')
  await here.letEnd('after-the-drain')
})

test('actors are a tree that is walked by keys, and each shows its machine as it lives', async () => {
  const { id } = await here.troupe.run(here.waiting('acts'))
  const window = await here.open()
  const { page } = window
  await window.isLive()
  await window.shows(id, 'Running')
  await window.visit('#/actors')
  const tree = page.getByRole('tree', { name: 'Actors of the cluster' })
  await tree.locator('[data-kind="manager"]').waitFor()
  for (const kind of ['node', 'worker', 'session']) await tree.locator(`[data-kind="${kind}"]`).first().waitFor()
  await tree.getByRole('treeitem').first().focus()
  const focused = () => page.evaluate<string | undefined>('document.activeElement.dataset.actor')
  const first = await focused()
  await page.keyboard.press('ArrowDown')
  await becomes('another line has the focus', async () => (await focused()) !== first, true)
  await page.keyboard.press('Home')
  await becomes('the first line has the focus', focused, first)
  // A line that got the focus by other ways is the one that the next key starts from.
  const second = await tree.getByRole('treeitem').nth(1).getAttribute('data-actor')
  await tree.getByRole('treeitem').nth(2).focus()
  await page.keyboard.press('ArrowUp')
  await becomes('the line before it has the focus', focused, second)
  // What is folded up is opened, and its task with it.
  const group = tree.locator('[data-kind="tasks"]').first()
  await page.keyboard.press('End')
  await becomes('the last line has the focus', async () => (await focused())?.startsWith('tasks:'), true)
  if ((await group.getAttribute('aria-expanded')) === 'false') await page.keyboard.press('ArrowRight')
  await tree.locator(`[data-actor*="${id}"]`).first().waitFor()
  await window.picture('actors')
  await tree.locator('[data-kind="session"]').first().click()
  await page.locator('figure.chart[data-machine="session"]').waitFor()
  await window.picture('actor')
  await page.goBack()
  await tree.waitFor()
  await tree.locator('[data-kind="manager"]').click()
  await page.locator('figure.chart[data-machine="manager"]').waitFor()
  await here.letEnd('acts')
})

test('every actor has a page with its chart, lit where it stands', async () => {
  const { id } = await here.troupe.run(here.waiting('lit'))
  const [node] = await here.troupe.nodes()
  const window = await here.open()
  const { page } = window
  await window.shows(id, 'Running')
  const stands = [
    ['manager', 'Serving'],
    [`node:${node?.id}`, 'Liveness.Ready+Admission.Open'],
    [`worker:${node?.id}`, 'Serving'],
    [`session:${node?.id}`, 'Established'],
    [`attempt:${id}/1`, 'Running'],
  ] as const
  for (const [actor, value] of stands) {
    await window.visit(`#/actors/${actor}`)
    const chart = page.locator(`article[data-actor="${actor}"] figure[data-machine="${actor.split(':')[0]}"]`)
    await chart.and(page.locator(`[data-value="${value}"]`)).waitFor()
    const lit = await chart.locator('.state.active').evaluateAll(pathsOf)
    expect(lit.filter((path) => value.split('+').includes(path))).toEqual(value.split('+'))
  }
  await here.letEnd('lit')
})

test('who may only look sees all of it, and is offered nothing that changes anything', async () => {
  const { id } = await here.troupe.run(here.waiting('looked-at'))
  const viewToken = (await readFile(join(here.cluster.dir, 'data', 'view-token'), 'utf8')).trim()
  const window = await here.open(here.addressWith(viewToken))
  const { page } = window
  await window.shows(id, 'Running')
  const offers = () =>
    page.getByRole('button', { name: /^(Run a task|Run again|Stop…|Drain…|Undrain|Send \w+)$/ }).count()
  expect(await offers()).toBe(0)
  await window.visit(`#/tasks/${id}`)
  await page.getByText('Looking only: this token changes nothing.').first().waitFor()
  await page.locator('figure.chart[data-value="Running.Up"]').waitFor()
  expect(await offers()).toBe(0)
  await window.visit('#/nodes/here')
  await page.locator('figure.chart[data-machine="node"]').waitFor()
  expect(await offers()).toBe(0)
  await here.letEnd('looked-at')
})
