/** The browser that the tests drive. */
import { type Browser, chromium } from 'playwright-core'

/** Where Debian puts it; `scripts/test` names the one that it found. */
const executablePath = process.env.TROUPE_TEST_CHROMIUM ?? '/usr/bin/chromium'
const quiet = ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-sync']
const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-component-update', ...quiet]

export const launchBrowser = (): Promise<Browser> => chromium.launch({ executablePath, args, timeout: 60_000 })
