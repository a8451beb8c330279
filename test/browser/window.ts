/** A window on the inspector, and what its page must never do: fail, be refused something, or ask anybody else. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, ConsoleMessage, Locator, Page } from 'playwright-core'
import { expect } from 'vitest'
import { until } from '../e2e/cluster.ts'

/** For whatever the page should come to show, in milliseconds: on a machine that others keep busy. */
export const patienceMs = 30_000

export interface WindowOptions {
  readonly width?: number
  readonly height?: number
  readonly scheme?: 'light' | 'dark'
  /** As a user who asked for less motion has it: then what a picture shows is at rest. */
  readonly still?: boolean
}

/** A browser says so of each try while nobody answers, whatever the page does about it. */
const isLostSocket = (text: string): boolean => /^WebSocket connection to .* failed|ERR_CONNECTION_/.test(text)

export class Window {
  readonly page: Page
  readonly #context: BrowserContext
  readonly #faults: string[] = []
  /** The manager is killed while the page is open: that tries to reach it fail is no fault. */
  mayLoseManager = false

  private constructor(context: BrowserContext, page: Page) {
    this.#context = context
    this.page = page
  }

  /** Opens an address in a window with a session of its own. */
  static async open(browser: Browser, address: string, options: WindowOptions = {}): Promise<Window> {
    const { width = 1_280, height = 800, scheme = 'light', still = false } = options
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: scheme,
      reducedMotion: still ? 'reduce' : 'no-preference',
      acceptDownloads: true,
    })
    context.setDefaultTimeout(patienceMs)
    const window = new Window(context, await context.newPage())
    window.#listen(new URL(address))
    await window.page.goto(address)
    return window
  }

  #listen(own: URL): void {
    const { page } = this
    page.on('pageerror', (error) => this.#faults.push(`error: ${error.message}`))
    // What a policy refuses is an error here, too.
    page.on('console', (message: ConsoleMessage) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return
      if (!this.mayLoseManager || !isLostSocket(message.text())) this.#faults.push(`console: ${message.text()}`)
    })
    const asked = (address: string) => {
      const url = new URL(address)
      const isInner = ['data:', 'blob:'].includes(url.protocol)
      const isOwn = own.protocol === 'file:' ? url.protocol === 'file:' : url.host === own.host
      if (!isInner && !isOwn) this.#faults.push(`asked ${address}`)
    }
    page.on('request', (request) => asked(request.url()))
    page.on('websocket', (socket) => asked(socket.url()))
  }

  /** Goes to a place within the page, such as `#/nodes`. */
  async visit(fragment: string): Promise<void> {
    await this.page.evaluate((to) => {
      ;(globalThis as unknown as { location: { hash: string } }).location.hash = to
    }, fragment)
  }

  /** What stands after the page's address. */
  fragment(): string {
    return new URL(this.page.url()).hash
  }

  async isLive(): Promise<void> {
    await this.page.locator('[data-connection="live"]').waitFor()
  }

  /** The row of a task in the list. */
  row(id: string): Locator {
    return this.page.locator(`[role="row"][data-task="${id}"]`)
  }

  async shows(id: string, state: string): Promise<void> {
    await this.row(id).locator(`[data-state="${state}"]`).waitFor()
  }

  /** Whether the page is wider than the window. */
  async overflowPx(): Promise<number> {
    return this.page.evaluate<number>(
      'Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - document.documentElement.clientWidth',
    )
  }

  /** Keeps a picture, if somebody asked for pictures. */
  async picture(name: string): Promise<void> {
    const folder = process.env.TROUPE_SCREENSHOTS
    if (folder === undefined || folder === '') return
    await mkdir(folder, { recursive: true })
    await this.page.screenshot({ path: join(folder, `${name}.png`) })
  }

  /** Ends it; throws if the page did what it must not. */
  async close(): Promise<void> {
    await this.#context.close()
    expect(this.#faults).toEqual([])
  }
}

/** Polls until something is as it should be, and says what it was last. */
export async function becomes<T>(what: string, probe: () => Promise<T>, wanted: T): Promise<void> {
  let last: T | undefined
  const isSo = async () => {
    last = await probe()
    return JSON.stringify(last) === JSON.stringify(wanted) ? true : undefined
  }
  await until(what, isSo, patienceMs).catch((error: Error) => {
    throw new Error(`${error.message}: it is ${JSON.stringify(last)}, not ${JSON.stringify(wanted)}`)
  })
}
