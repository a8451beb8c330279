/** A page in a real browser, served from an origin that the manager allows, against real processes of Troupe. */
import { writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { Cluster, type Program, until } from '../e2e/cluster.ts'
import { launchBrowser } from './browser.ts'
import { bundleForBrowser } from './bundle.ts'
import type { createPage, Heard } from './page.ts'

const html = '<!doctype html><meta charset="utf-8"><title>Troupe</title><script type="module" src="/main.js"></script>'
const main = `import { connect } from '/troupe.js'
import { createPage } from '/page.js'
globalThis.troupePage = createPage(connect)`

let files: Readonly<Record<string, string>>
let browser: Browser
let servers: Server[]
let cluster: Cluster
let allowed: string
let foreign: string

/** As careful sites do: no code but the site's own, and none made of strings. */
function serve(): Promise<Server> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    const body = files[path]
    const type = path === '/' ? 'text/html' : 'text/javascript'
    const policy = "default-src 'none'; script-src 'self'; connect-src ws://127.0.0.1:*"
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': type, 'content-security-policy': policy })
    response.end(body)
  })
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)))
}

const originOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

beforeAll(async () => {
  // What the package gives to a bundler.
  const troupe = await bundleForBrowser(fileURLToPath(import.meta.resolve('troupe/browser')))
  const page = await bundleForBrowser(join(import.meta.dirname, 'page.ts'))
  files = { '/': html, '/main.js': main, '/troupe.js': troupe.code, '/page.js': page.code }
  browser = await launchBrowser()
})
afterAll(async () => {
  await browser?.close()
})

beforeEach(async () => {
  servers = [await serve(), await serve()]
  allowed = originOf(servers[0] as Server)
  foreign = originOf(servers[1] as Server)
  cluster = await Cluster.open()
})
afterEach(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    server.close()
  }
  await cluster.close()
})

async function startUp(): Promise<Program> {
  const up = cluster.startUp('--driver', 'process', '--allow-origin', allowed)
  await cluster.ready(1)
  return up
}

/** As `main` leaves it. */
type TestPage = ReturnType<typeof createPage>
type WithPage = { troupePage?: TestPage }

async function visit(origin: string): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  await page.goto(origin)
  await page.waitForFunction(() => (globalThis as WithPage).troupePage !== undefined, undefined, { timeout: 30_000 })
  return { page, faults }
}

const heardBy = (page: Page): Promise<Heard> =>
  page.evaluate(() => ((globalThis as WithPage).troupePage as TestPage).heard())

/** Polls what the page has heard until it fits. */
const hears = (page: Page, what: string, fits: (heard: Heard) => boolean): Promise<Heard> =>
  until(what, async () => {
    const heard = await heardBy(page)
    expect(heard.failure).toBeUndefined()
    return fits(heard) ? heard : undefined
  })

const tries = (page: Page, token: string): Promise<string> =>
  page.evaluate(
    ([url = '', shown = '']) => ((globalThis as WithPage).troupePage as TestPage).tryConnect(url, shown),
    [cluster.address, token],
  )

test('a page runs a task and follows it to its end through a restart of the manager', async () => {
  let up = await startUp()
  const token = await cluster.token()
  const { page, faults } = await visit(allowed)
  const gate = join(cluster.dir, 'gate')
  const wait = `echo grüezi; while [ ! -e ${gate} ]; do sleep 0.1; done; echo done; exit 3`
  await page.evaluate(
    ([url = '', shown = '', script = '']) => {
      const spec = { driver: 'process' as const, command: ['sh', '-c', script] }
      return ((globalThis as WithPage).troupePage as TestPage).run(url, shown, spec)
    },
    [cluster.address, token, wait],
  )
  await hears(page, 'the first line', ({ states, lines }) => states.at(-1) === 'Running' && lines.includes('grüezi'))
  await up.kill('SIGKILL')
  up = await startUp()
  await writeFile(gate, '')
  const heard = await hears(page, 'the end', ({ output, lines, events }) => {
    const isOver = output !== undefined && events.at(-1)?.type === 'Exited'
    return isOver && lines.includes('done')
  })
  expect(heard.output).toMatchObject({ outcome: 'exit', exitCode: 3 })
  expect(heard.states.at(-1)).toBe('Failed')
  expect(heard.lines).toEqual(['grüezi', 'done'])
  // Each transition once, in order, across the restart: as the manager has them.
  const [task] = await cluster.json<{ id: string }[]>('status', '--all', '--json')
  const { events } = await cluster.json<{ events: { revision: number; event: { type: string } }[] }>(
    ...['explain', task?.id ?? '', '--json'],
  )
  expect(heard.events).toEqual(events.map(({ revision, event }) => ({ revision, type: event.type })))
  expect(faults).toEqual([])
  await page.close()
}, 180_000)

test('a page of a foreign origin does not get in, whatever it shows; an allowed one needs the token', async () => {
  await startUp()
  const token = await cluster.token()
  const stranger = await visit(foreign)
  expect(await tries(stranger.page, token)).toMatch(/^Unavailable: .*origin must be allowed/)
  const page = await visit(allowed)
  expect(await tries(page.page, token)).toBe('connected')
  expect(await tries(page.page, 'wrong')).toMatch(/^Unauthorized: .*token/)
  expect(await tries(page.page, '')).toMatch(/^Unauthorized: /)
  await stranger.page.close()
  await page.page.close()
}, 180_000)
