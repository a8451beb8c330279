/** The second half of `scripts/start`, once everything is built: `up`, the sample, and an orderly end. */
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ended, Troupe } from './cli.ts'
import { engineAnswers, engineHas, pullImage } from './engine.ts'
import { type SampleTask, sampleTasks, wrongWith } from './sample.ts'

const usage = `scripts/start [--once] [--data-dir FOLDER] [--listen HOST:PORT]

Installs the packages, builds, starts \`troupe up\` and runs a sample set of tasks: in containers where a Docker engine
answers, as processes otherwise. It prints each transition and stays until Ctrl-C.

  --once             leave when the sample has ended; the exit code is 1 if anything in it went wrong
  --data-dir FOLDER  where the state is kept (default .troupe in the checkout; with --once a folder that is removed again)
  --listen HOST:PORT where to listen (default 127.0.0.1:4747; with --once any free port)
`
const readyMs = 30_000
const sampleMs = 120_000
/** How long \`up\` may take to let go before it is killed. */
const goodbyeMs = 15_000

interface Options {
  readonly once: boolean
  readonly dataDir: string
  /** Made by us, so ours to remove. */
  readonly temporary: boolean
  readonly listen: string
}

/** What each task runs in, as arguments of `troupe run`, and a sentence on why. */
interface Place {
  readonly label: string
  readonly why: string
  command(script: string): string[]
}

const processes = (why: string): Place => ({
  label: 'process',
  why,
  command: (script) => ['--driver', 'process', '--', 'sh', '-c', script],
})

const containers = (image: string): Place => ({
  label: 'container',
  why: `The tasks run in containers of ${image}.`,
  command: (script) => [image, 'sh', '-c', script],
})

/** An image that the engine has comes first, so that a machine without a registry need not wait for one. */
async function choosePlace(): Promise<Place> {
  if (!(await engineAnswers())) {
    return processes('No Docker engine answers, and this script installs none: the tasks run as processes.')
  }
  for (const image of ['busybox:latest', 'troupe-test/busybox:1']) if (await engineHas(image)) return containers(image)
  say('fetching the image busybox …')
  try {
    await pullImage('busybox', 'latest')
    return containers('busybox:latest')
  } catch (error) {
    return processes(
      `An engine answers, but busybox could not be fetched (${(error as Error).message}): the tasks run as processes.`,
    )
  }
}

function say(text: string): void {
  console.log(`start: ${text}`)
}

async function readOptions(): Promise<Options> {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      'data-dir': { type: 'string' },
      listen: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    process.stdout.write(usage)
    process.exit(0)
  }
  const { once } = values
  const temporary = once && values['data-dir'] === undefined
  const dataDir = temporary ? mkdtempSync(join(tmpdir(), 'troupe-start-')) : resolve(values['data-dir'] ?? '.troupe')
  const listen = values.listen ?? (once ? `127.0.0.1:${await freePort()}` : '127.0.0.1:4747')
  return { once, dataDir, temporary, listen }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
}

/** Waits until tasks are taken. Throws when `up` ends first or takes too long. */
async function waitUntilReady(troupe: Troupe, up: ChildProcess): Promise<void> {
  const deadlineMs = Date.now() + readyMs
  while (Date.now() < deadlineMs) {
    if (up.exitCode !== null || up.signalCode !== null) throw new Error('`troupe up` ended at once; it says why above')
    if (await troupe.isReady()) return
    await sleep(100)
  }
  throw new Error(`\`troupe up\` was not ready within ${readyMs / 1_000} s; its last words are above`)
}

/** Runs one task attached, so that its transitions and its output are seen as they come. Resolves with what went wrong. */
async function runSample(troupe: Troupe, place: Place, task: SampleTask, id: string): Promise<string | undefined> {
  let stopping: Promise<unknown> | undefined
  const name = task.name.padEnd(8)
  const args = ['run', '--id', id, '--name', task.name, ...task.flags, ...place.command(task.script)]
  const { stdout } = await troupe.run(args, (line, stream) => {
    console.log(stream === 'stdout' ? `${name}│ ${line}` : `${name}· ${line}`)
    if (stream === 'stdout' && task.stopAt !== undefined && line.includes(task.stopAt)) {
      stopping ??= troupe.run(['stop', id])
    }
  })
  await stopping
  const [row] = await troupe.status([id])
  return wrongWith(task, row, stdout)
}

/** The whole sample at once. Resolves with the number of tasks that went wrong. */
async function runSamples(troupe: Troupe, place: Place, ids: readonly string[]): Promise<number> {
  const failures = await Promise.all(
    sampleTasks.map(async (task, index) => {
      const wrong = await runSample(troupe, place, task, ids[index] as string).catch((error: Error) => error.message)
      say(
        `${wrong === undefined ? 'ok  ' : 'FAIL'} ${task.name}: ${task.shows}${wrong === undefined ? '' : `; but ${wrong}`}`,
      )
      return wrong !== undefined
    }),
  )
  return failures.filter(Boolean).length
}

/** Stops what is left of the sample and then `up` itself, which leaves tasks alone when it ends. */
async function leave(troupe: Troupe, up: ChildProcess, ids: readonly string[]): Promise<void> {
  if (up.exitCode !== null || up.signalCode !== null) return
  const rows = await troupe.status(ids).catch(() => [])
  const live = rows.filter(({ state }) => state !== 'Completed' && state !== 'Failed').map(({ id }) => id)
  if (live.length > 0) {
    say(`stopping ${live.join(', ')} …`)
    await troupe.run(['stop', ...live])
    await Promise.race([troupe.run(['wait', ...live]), sleep(goodbyeMs, undefined, { ref: false })])
  }
  say('stopping `troupe up` …')
  const gone = ended(up)
  up.kill('SIGTERM')
  const late = sleep(goodbyeMs, 'late' as const, { ref: false })
  if ((await Promise.race([gone, late])) === 'late') {
    say(`it did not end within ${goodbyeMs / 1_000} s and is killed.`)
    up.kill('SIGKILL')
    await gone
  }
}

/** Resolves with an exit code at the first Ctrl-C, TERM or closed terminal. */
function interrupted(): Promise<number> {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
  return new Promise((resolve) => {
    for (const [signal, code] of Object.entries(codes)) process.once(signal, () => resolve(code))
  })
}

/** The sample, and then the wait for Ctrl-C unless it is for once. Resolves with an exit code. */
async function show(options: Options, troupe: Troupe, up: ChildProcess, ids: readonly string[]): Promise<number> {
  await waitUntilReady(troupe, up)
  // Asked for, rather than picked out of what `up` says.
  const page = (await troupe.run(['inspector'])).stdout.trim()
  if (page !== '') say(`watch it in a browser: ${page}`)
  const place = await choosePlace()
  say(place.why)
  const wrong = await Promise.race([runSamples(troupe, place, ids), sleep(sampleMs, undefined, { ref: false })])
  if (wrong === undefined) say(`the sample did not end within ${sampleMs / 1_000} s.`)
  else say(wrong === 0 ? 'the sample ended as it should.' : `${wrong} of ${ids.length} tasks went wrong.`)
  if (options.once) return wrong === 0 ? 0 : 1
  if (page !== '') say(`the inspector: ${page}`)
  say(
    `Troupe listens on ${options.listen}. Try: ./scripts/troupe status --data-dir ${options.dataDir}. Ctrl-C ends it; tasks that still run go on.`,
  )
  const code = await ended(up)
  say(`\`troupe up\` has ended with ${code}.`)
  return 1
}

async function main(): Promise<number> {
  const options = await readOptions()
  const troupe = new Troupe(options.listen, options.dataDir)
  const stamp = Date.now().toString(36)
  const ids = sampleTasks.map((task) => `${task.name}-${stamp}`)
  const signal = interrupted()
  say(`starting \`troupe up\` on ${options.listen}, with its data in ${options.dataDir} …`)
  const up = troupe.start(['up', '--listen', options.listen, '--data-dir', options.dataDir], (line) =>
    console.log(`up      · ${line}`),
  )
  let code = 1
  try {
    code = await Promise.race([show(options, troupe, up, ids), signal])
    // Ctrl-C is how a person ends it, so that is no failure once it only waited for that.
    if (code === 130 && !options.once) code = 0
  } catch (error) {
    say((error as Error).message)
  }
  await leave(troupe, up, ids)
  if (options.temporary && code === 0) rmSync(options.dataDir, { recursive: true, force: true, maxRetries: 5 })
  else if (options.temporary) say(`the data of this run stays in ${options.dataDir}.`)
  return code
}

try {
  process.exit(await main())
} catch (error) {
  console.error(`start: ${(error as Error).message}`)
  process.exit(2)
}
