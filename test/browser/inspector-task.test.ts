/** One task in the inspector, in a real browser, of a real `troupe up`: now, in its past, and from a file. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Download, Locator } from 'playwright-core'
import { expect, test } from 'vitest'
import { until } from '../e2e/cluster.ts'
import { elementsWithin, parseXml } from '../inspector/xml-check.ts'
import { inspected } from './inspected.ts'
import { becomes, patienceMs, type Window } from './window.ts'

const here = inspected()
const standalone = join(import.meta.dirname, '../../dist/inspector/standalone.html')

const chartValue = (window: Window) => () => window.page.locator('figure.chart').getAttribute('data-value')
const playerAt = (window: Window) => () => window.page.getByRole('region', { name: 'Steps' }).getAttribute('data-at')
const panel = (window: Window, name: string): Locator => window.page.locator(`[data-panel="${name}"]`)

async function choose(window: Window, tab: string, name: string): Promise<Locator> {
  await window.page.getByRole('tab', { name: tab, exact: true }).click()
  await panel(window, name).waitFor()
  return panel(window, name)
}

/** The marks in the chart: how often arrows were taken. */
const counts = (window: Window) => window.page.locator('.chart-mark-count text').allTextContents()
/** The states that are lit, innermost last. */
const lit = (window: Window) =>
  window.page
    .locator('svg.troupe-chart [data-state].active')
    .evaluateAll((states) =>
      (states as unknown as { getAttribute(name: string): string }[]).map((state) => state.getAttribute('data-state')),
    )

/** What the page gives to be kept when a button is pressed. */
async function saved({ page }: Window, button: string): Promise<{ file: Download; text: string }> {
  const download = page.waitForEvent('download', { timeout: patienceMs })
  await page.getByRole('button', { name: button }).click()
  const file = await download
  return { file, text: await readFile(await file.path(), 'utf8') }
}

/** Fails at first, then runs, and says more each time that it is let. */
async function runTwice() {
  const flag = join(here.cluster.dir, 'flag')
  const lines = 'echo first line; echo something is odd >&2; i=0; while [ $i -lt 40 ]; do i=$((i+1)); echo row $i; done'
  const before = `if [ ! -e ${flag} ]; then touch ${flag}; echo not yet >&2; exit 4; fi; ${lines}`
  const restart = { policy: 'on-failure', max: 3, backOffMs: 10 } as const
  const task = await here.troupe.run(here.waiting('twice', { restart, labels: { app: 'shop' } }, before))
  await until('its second attempt', async () => {
    const { attempt, state } = (await here.troupe.get(task.id)).getSnapshot().context
    return attempt === 2 && state === 'Running' ? true : undefined
  })
  return task.id
}

test('a running task: its chart is lit where it is and counts what happened, and each panel has its part', async () => {
  const id = await runTwice()
  const window = await here.open()
  await window.isLive()
  await window.visit(`#/tasks/${id}`)
  const { page } = window
  await page.getByRole('heading', { level: 1, name: 'twice' }).waitFor()
  await becomes('the state of the chart', chartValue(window), 'Running.Up')
  await becomes('the states that are lit in the outline', async () => (await lit(window)).at(-1), 'task.Running')
  await page.getByRole('button', { name: 'Outline', exact: true }).click()
  await becomes('the states that are lit', async () => (await lit(window)).at(-1), 'task.Running.Up')
  await becomes('transitions that were taken twice', async () => (await counts(window)).includes('×2'), true)
  expect(await page.locator('.task-before').textContent()).toContain('Started')

  const timeline = await choose(window, 'Timeline', 'timeline')
  await timeline.getByText('Attempt 2', { exact: true }).waitFor()
  await timeline.getByText('exit 4').first().waitFor()
  expect(await timeline.locator('[data-kind="running"]').count()).toBe(2)
  await window.picture('task')

  const events = await choose(window, 'Events', 'events')
  await events.locator('[data-step]').filter({ hasText: 'Created' }).waitFor()
  expect(window.fragment()).toBe(`#/tasks/${id}/events`)
  const { events: log } = await here.cluster.json<{ events: unknown[] }>('explain', id, '--json')
  await becomes('the rows of the log', () => events.locator('[data-step]').count(), log.length)
  await window.picture('task-events')

  const sequence = await choose(window, 'Sequence', 'sequence')
  await sequence.getByText('client to manager: ', { exact: false }).first().waitFor({ state: 'attached' })
  expect(await sequence.locator('[data-step]').count()).toBeGreaterThan(log.length / 2)
  await window.picture('task-sequence')

  const placement = await choose(window, 'Placement', 'placement')
  await placement.getByRole('heading', { name: 'Placed on here' }).waitFor()
  await placement.getByRole('rowheader', { name: 'here picked' }).waitFor()
  const compared = placement.locator('[data-part="compared"]')
  await compared.getByRole('heading', { name: 'If one like it were placed now' }).waitFor()
  expect(await compared.getByRole('columnheader').allTextContents()).toEqual([
    ...['Node', 'round-robin', 'epvm', 'binpack', 'spread'],
  ])
  await window.picture('task-placement')

  const spec = await choose(window, 'Spec', 'spec')
  await spec.getByText('shop').first().waitFor()
  await spec.getByRole('tab', { name: 'JSON' }).click()
  expect(JSON.parse((await spec.locator('pre').textContent()) ?? '')).toMatchObject({
    name: 'twice',
    driver: 'process',
  })
  await window.picture('task-spec')

  const stats = await choose(window, 'Usage', 'stats')
  await stats.getByText('Memory').first().waitFor()
  await stats.locator('canvas').first().waitFor()
  await becomes('memory in use', async () => /\d (K|M)iB/.test((await stats.textContent()) ?? ''), true)
  await window.picture('task-stats')
})

test('the output of a task is followed and searched, by stream and by attempt', async () => {
  const more = join(here.cluster.dir, 'more')
  const write = `echo one; echo two >&2; while [ ! -e ${more} ]; do sleep 0.1; done; echo three`
  const { id } = await here.troupe.run(here.waiting('writer', {}, write))
  const window = await here.open()
  await window.isLive()
  await window.visit(`#/tasks/${id}/logs`)
  const logs = panel(window, 'logs')
  const lines = () => logs.locator('.logs-text').allTextContents()
  await becomes('what was written', lines, ['one', 'two'])
  expect(await logs.locator('[data-stream="stderr"]').count()).toBe(1)
  await logs.getByLabel('stdout').check()
  await becomes('what went to stdout', lines, ['one'])
  await logs.getByLabel('both').check()
  await logs.getByRole('searchbox').fill('tw')
  await becomes('what is marked', () => logs.locator('mark').allTextContents(), ['tw'])
  await logs.getByText('1 line', { exact: true }).waitFor()
  await writeFile(more, '')
  await becomes('what was written', lines, ['one', 'two', 'three'])
  await window.picture('task-logs')
  await here.letEnd('writer')
  await logs.getByText('That is all').waitFor()
})

test('a task that failed says why, and one that waits says why', async () => {
  const failed = await here.troupe.run({
    driver: 'process',
    name: 'fails',
    command: ['sh', '-c', 'echo bad >&2; exit 3'],
  })
  const absent = await here.troupe.run({ driver: 'process', name: 'absent', command: ['/no/such/program'] })
  const waits = await here.troupe.run(here.waiting('waits', { constraints: ['disk=ssd'] }))
  const window = await here.open()
  const { page } = window
  await window.isLive()
  await window.visit(`#/tasks/${failed.id}`)
  await becomes('the state of the chart', chartValue(window), 'Failed')
  await page
    .locator('.task-failed')
    .getByText(/^Failed: .*(exit code|code|exit) ?3/)
    .waitFor()
  await window.picture('task-failed')
  await window.visit(`#/tasks/${absent.id}`)
  await page.locator('.task-failed').getByText('/no/such/program').waitFor()
  await window.visit(`#/tasks/${waits.id}/placement`)
  await page
    .locator('.task-sentence')
    .getByText(/It waits for a node.*disk=ssd/)
    .waitFor()
  const placement = panel(window, 'placement')
  await placement.getByText(/It waits for a node: .*disk=ssd/).waitFor()
  await becomes('the state of the chart', chartValue(window), 'Pending.Queued')
  await window.picture('task-waiting')
  await (await choose(window, 'Timeline', 'timeline')).getByText('No attempt yet').first().waitFor()
  await here.troupe.stop(waits.id)
  await becomes('the state of the chart', async () => (await chartValue(window)())?.split('.')[0], 'Completed')
  await window.visit('#/tasks/nosuchtask00')
  await page.getByText('There is no task nosuchtask00').waitFor()
})

test('its past is gone through by buttons, keys and address, and is the same again from a file without a manager', async () => {
  const { id } = await here.troupe.run(here.waiting('past', {}, 'echo remembered'))
  await here.letEnd('past', 5)
  await here.troupe.wait(id)
  const { events } = await here.cluster.json<{ events: { revision: number; to: string }[] }>('explain', id, '--json')
  const window = await here.open()
  const { page } = window
  await window.isLive()
  await window.visit(`#/tasks/${id}`)
  await becomes('the state of the chart', chartValue(window), 'Failed')
  await becomes('where it is', playerAt(window), 'now')
  // Backwards by a button, as far as it goes, and forward again by a key.
  await page.getByRole('button', { name: 'The step before' }).click()
  await becomes('the state of the chart', chartValue(window), events.at(-2)?.to)
  expect(window.fragment()).toMatch(/\?at=\d/)
  await page.getByRole('button', { name: 'The first step' }).click()
  await becomes('the state of the chart', chartValue(window), events[0]?.to)
  await page
    .locator('.task-sentence')
    .getByText(/As it stood at/)
    .waitFor()
  await page.keyboard.press('.')
  await becomes('the state of the chart', chartValue(window), events[1]?.to)
  await page.keyboard.press(',')
  await becomes('where it is', playerAt(window), '0')
  await page.getByRole('slider', { name: 'Step' }).focus()
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowRight')
  await becomes('where it is', playerAt(window), '2')
  await window.picture('task-past')
  // Output says of no line when it was written: the attempt of the step is what can be shown.
  const then = await choose(window, 'Output', 'logs')
  await then.getByText('No line says when it was written: this is all of attempt 1, which the step is of.').waitFor()
  expect(await then.getByRole('combobox', { name: 'Attempt' }).inputValue()).toBe('1')
  // What it knew then: the attempt was not yet known at the first step.
  await page.getByText('Context', { exact: true }).click()
  await page.locator('[data-context="2"]').waitFor()
  await page.goBack()
  await becomes(
    'the address has gone back',
    async () => window.fragment() !== '' && (await playerAt(window)()) !== '2',
    true,
  )
  // One address, one moment.
  const running = events.find(({ to }) => to.startsWith('Running'))
  await window.visit(`#/tasks/${id}?at=${running?.revision}`)
  await becomes('the state of the chart', async () => (await chartValue(window)())?.split('.')[0], 'Running')
  await page.getByRole('button', { name: 'Now', exact: true }).click()
  await becomes('where it is', playerAt(window), 'now')

  const file = join(here.cluster.dir, 'past.history.json')
  await (await saved(window, 'Save history')).file.saveAs(file)
  const alone = await here.open(`${pathToFileURL(standalone)}#/file`)
  await alone.page.getByRole('heading', { name: 'Open a file' }).waitFor()
  await alone.page.getByLabel('A file').setInputFiles(file)
  await alone.page.getByRole('heading', { level: 1, name: 'past' }).waitFor()
  await becomes('the state of the chart', chartValue(alone), 'Failed')
  await alone.page.getByRole('button', { name: 'The first step' }).click()
  await becomes('the state of the chart', chartValue(alone), events[0]?.to)
  const kept = await choose(alone, 'Output', 'logs')
  await kept.getByText('remembered').waitFor()
  await alone.picture('task-file')
})

test('a file whose log lost its beginning says so, and nothing of another file stays', async () => {
  const { id } = await here.troupe.run({ driver: 'process', name: 'trimmed', command: ['true'] })
  await here.troupe.wait(id)
  const window = await here.open()
  await window.isLive()
  await window.visit(`#/tasks/${id}`)
  await becomes('the state of the chart', chartValue(window), 'Completed')
  const { text } = await saved(window, 'Save history')
  const whole = JSON.parse(text) as { events: { event: { type: string }; to: string }[] }
  expect(whole.events[0]?.event.type).toBe('Created')
  const events = whole.events.slice(2)
  const alone = await here.open(`${pathToFileURL(standalone)}#/file`)
  const { page } = alone
  const open = (content: object) => {
    const buffer = Buffer.from(JSON.stringify(content))
    return page.getByLabel('A file').setInputFiles({ name: 'same.json', mimeType: 'application/json', buffer })
  }
  await open(whole)
  await page.getByRole('button', { name: 'The first step' }).click()
  await becomes('the state of the chart', chartValue(alone), whole.events[0]?.to)
  const note = page.getByText('The log no longer has what came before the first step that is shown here.')
  expect(await note.count()).toBe(0)
  await open({ ...whole, events })
  await note.waitFor()
  await becomes('where it is', playerAt(alone), 'now')
  await becomes('the state of the chart', chartValue(alone), 'Completed')
  await page.getByRole('button', { name: 'The first step' }).click()
  await becomes('the state of the chart', chartValue(alone), events[0]?.to)
  await page.locator('[data-context="unknown"] summary').click()
  await page.getByText(/no longer has what came before its first step here/).waitFor()
  const sequence = await choose(alone, 'Sequence', 'sequence')
  await sequence.getByText('what came before is not in the log any more').first().waitFor()
  await alone.picture('task-trimmed')
})

test('the chart is saved as SVG as it is lit, and copied as Mermaid', async () => {
  const { id } = await here.troupe.run(here.waiting('drawn'))
  const window = await here.open()
  const { page } = window
  await window.visit(`#/tasks/${id}`)
  await becomes('the state of the chart', chartValue(window), 'Running.Up')
  await page.getByRole('button', { name: 'Outline', exact: true }).click()
  const { file, text } = await saved(window, 'Save SVG')
  expect(file.suggestedFilename()).toBe('task.svg')
  const svg = parseXml(text)
  const all = [...elementsWithin(svg)].map(({ attributes }) => attributes)
  const has = (word: string) => all.filter(({ class: names = '' }) => names.split(' ').includes(word))
  expect(svg.attributes).toMatchObject({
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: expect.stringMatching(/^0 0 \d/),
  })
  expect(has('active').map((each) => each['data-path'])).toEqual(['Running', 'Running.Up'])
  expect(has('taken').length).toBeGreaterThan(0)
  expect(has('chart-marks')).toEqual([])

  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.getByRole('button', { name: 'Copy Mermaid' }).click()
  await page.getByText('The chart is in the clipboard, as Mermaid.').waitFor({ state: 'attached' })
  const copied = await page.evaluate<string>('navigator.clipboard.readText()')
  expect(copied).toMatch(/^stateDiagram-v2\n/)
  // Where there is no clipboard it is a file.
  await page.evaluate('Object.defineProperty(navigator, "clipboard", { value: undefined })')
  const mermaid = await saved(window, 'Copy Mermaid')
  expect([mermaid.file.suggestedFilename(), mermaid.text]).toEqual(['task.mmd', copied])
  await here.letEnd('drawn')
})
