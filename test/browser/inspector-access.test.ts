/** The inspector for everybody: axe finds nothing in any view, none is wider than its window, and keys reach what matters. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { until } from '../e2e/cluster.ts'
import { inspected } from './inspected.ts'
import { becomes, patienceMs, type Window } from './window.ts'

const here = inspected()
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
}

async function violations(window: Window): Promise<string[]> {
  const { page } = window
  if (!(await page.evaluate<boolean>('"axe" in globalThis'))) await page.evaluate(axe)
  const found = await page.evaluate<readonly Violation[]>(
    'axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)',
  )
  return found.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}: ${failureSummary}`))
}

interface View {
  readonly name: string
  readonly at: string
  /** There once the view is drawn. */
  readonly shows: string
  /** A button to press first. */
  readonly press?: string
}

/** Tasks of every state, and all that there is to look at. */
async function views(): Promise<View[]> {
  const { troupe } = here
  const restart = { policy: 'on-failure', max: 1, backOffMs: 10 } as const
  const [running, failed] = await Promise.all([
    troupe.run(
      here.waiting('runs', { labels: { app: 'shop' } }, 'i=0; while [ $i -lt 99 ]; do i=$((i+1)); echo line $i; done'),
    ),
    troupe.run({ driver: 'process', name: 'failed', restart, command: ['sh', '-c', 'echo bad >&2; exit 3'] }),
    troupe.run(here.waiting('waits', { constraints: ['disk=ssd'] })),
    troupe.run({ driver: 'process', name: 'completed', command: ['true'] }),
  ])
  await troupe.wait(failed.id)
  const panel = (name: string, at = `#/tasks/${running.id}/${name}`): View => ({
    ...{ name: `task-${name}`, at, shows: `[data-panel="${name}"]` },
  })
  return [
    { name: 'tasks', at: '#/tasks', shows: `[role="row"][data-task="${running.id}"] [data-state="Running"]` },
    { name: 'tasks-none', at: '#/tasks?q=nothing+has+this', shows: '.empty' },
    { ...panel('timeline', `#/tasks/${failed.id}`), name: 'task-failed' },
    ...['events', 'sequence', 'logs', 'placement', 'spec'].map((name) => panel(name)),
    { name: 'task-stats', at: `#/tasks/${running.id}/stats`, shows: '[data-panel="stats"] canvas' },
    { name: 'task-past', at: `#/tasks/${running.id}?at=1`, shows: '[data-panel="timeline"]' },
    { name: 'task-stop', at: `#/tasks/${running.id}`, shows: 'dialog[open]', press: 'Stop…' },
    { name: 'nodes', at: '#/nodes', shows: '[data-node]' },
    { name: 'node', at: '#/nodes/here', shows: 'figure.chart[data-machine="node"]' },
    { name: 'actors', at: '#/actors', shows: '[role="treeitem"][data-kind="session"]' },
    { name: 'actor', at: `#/actors/${encodeURIComponent('manager')}`, shows: 'main h1' },
    { name: 'file', at: '#/file', shows: 'main h1' },
    { name: 'nowhere', at: '#/nowhere', shows: 'main h1' },
    { name: 'run', at: '#/tasks', shows: 'dialog[open]', press: 'Run a task' },
    { name: 'keys', at: '#/tasks', shows: 'dialog[open]', press: '?' },
  ]
}

let all: readonly View[] | undefined

async function look(window: Window, { name, at, shows, press }: View, label: string): Promise<string[]> {
  const { page } = window
  await window.visit(at)
  if (press === '?') await page.keyboard.press('?')
  else if (press !== undefined) await page.getByRole('button', { name: press }).first().click()
  await page.locator(shows).first().waitFor()
  await window.picture(`${label}-${name}`)
  const found = await violations(window)
  // What is drawn late may push wider what was drawn before.
  const overflow = await window.overflowPx()
  if (overflow > 0) found.push(`it is ${overflow} px wider than the window`)
  if (press !== undefined) {
    await page.keyboard.press('Escape')
    await page.locator('dialog[open]').waitFor({ state: 'hidden' })
  }
  return found.map((fault) => `${name}: ${fault}`)
}

test.for([
  { scheme: 'light', width: 1_280 },
  { scheme: 'dark', width: 1_280 },
  { scheme: 'light', width: 400 },
  { scheme: 'dark', width: 400 },
] as const)('axe finds nothing in any view, $scheme, $width px wide, and none is wider than that', async (how) => {
  all ??= await views()
  const window = await here.open(here.address, { ...how, still: true })
  await window.isLive()
  const faults: string[] = []
  for (const view of all) faults.push(...(await look(window, view, `${how.scheme}-${how.width}`)))
  expect(faults).toEqual([])
})

test('what is looked with does find what is wrong', async () => {
  const window = await here.open()
  await window.isLive()
  await window.page.evaluate(`document.querySelector('main').insertAdjacentHTML('beforeend',
    '<button style="width: 2000px"></button>')`)
  const found = await violations(window)
  expect(found).toHaveLength(1)
  expect(found[0]).toMatch(/^button-name: /)
  expect(await window.overflowPx()).toBeGreaterThan(500)
})

test('the Tab key alone leads to everything that matters, and where it is can be seen', async () => {
  all ??= await views()
  const window = await here.open()
  const { page } = window
  await window.isLive()
  const stops = async (at: string, wanted: readonly RegExp[]) => {
    await window.visit(at)
    await page.evaluate('document.activeElement.blur()')
    const seen: string[] = []
    await until(
      `a stop at each of ${wanted.join(', ')}`,
      async () => {
        await page.keyboard.press('Tab')
        const stop = await page.evaluate<{ name: string; outline: string }>(
          `(() => { const { activeElement: at } = document; const { outlineStyle, boxShadow } = getComputedStyle(at)
            return { name: (at.getAttribute('aria-label') ?? at.textContent ?? '').slice(0, 80).trim(), outline: outlineStyle + boxShadow } })()`,
        )
        if (stop.name !== '' && stop.outline !== 'nonenone') seen.push(stop.name)
        return wanted.every((one) => seen.some((name) => one.test(name))) ? true : undefined
      },
      patienceMs,
    ).catch((error: Error) => {
      throw new Error(`${error.message}: seen were ${[...new Set(seen)].join(' | ')}`)
    })
  }
  const list = [/^Skip/, /^Tasks$/, /^Nodes$/, /^Actors$/, /^Run a task$/, /^Search tasks$/, /^Filter by node$/]
  await stops('#/tasks', list)
  const row = all.find(({ name }) => name === 'task-events')
  await stops(row?.at ?? '', [/^Stop…$/, /^Statechart of task/, /^The step before$/, /^Step$/, /^Events$/])
  await stops('#/nodes', [/^here/])
  // The keys of the list lead back to where they were.
  await window.visit('#/tasks')
  await becomes('a row that the Tab key comes to', () => page.locator('[data-task][tabindex="0"]').count(), 1)
})
