/** The scripts at work in a small checkout of their own, whose `troupe` is a stand-in of a few lines. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { sampleTasks, wrongWith } from '../scripts/lib/sample.ts'
import { completeLock, type Lock } from '../scripts/lock.ts'

const here = join(import.meta.dirname, '..')
let folder = ''
let checkout = ''
const main = () => join(checkout, 'runtime', 'cli', 'main.ts')

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'troupe-scripts-'))
  checkout = join(folder, 'checkout')
  for (const name of [
    'scripts',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'tsconfig.build.json',
    'actors',
    'inspector',
  ]) {
    cpSync(join(here, name), join(checkout, name), { recursive: true })
  }
  symlinkSync(join(here, 'node_modules'), join(checkout, 'node_modules'))
  for (const name of ['transport', 'runtime/cli']) mkdirSync(join(checkout, name), { recursive: true })
  // As `main()` stands for the whole command line, so does an empty page for the inspector.
  const page = join(checkout, 'inspector', 'page')
  for (const name of readdirSync(page)) if (name !== 'index.html') rmSync(join(page, name), { recursive: true })
  writeFileSync(join(page, 'main.tsx'), `import './page.css'\n`)
  writeFileSync(join(page, 'page.css'), 'body { margin: 0 }\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function run(path: string, args: readonly string[], cwd = folder): Ran {
  const { status, stdout, stderr } = spawnSync(path, args, { cwd, encoding: 'utf8', timeout: 60_000 })
  return { code: status, stdout, stderr }
}

/** Resolves once the process has said `text` on stdout; rejects when it ends before. */
function heard(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let all = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      all += chunk
      if (all.includes(text)) resolve()
    })
    child.once('close', (code) => reject(new Error(`it ended with ${code} and had only said: ${all}`)))
  })
}

const ended = (child: ChildProcess) =>
  new Promise<number | string | null>((resolve) => child.once('close', (code, signal) => resolve(signal ?? code)))

describe('scripts/troupe', () => {
  const echo = (word: string) =>
    writeFileSync(
      main(),
      `#!/usr/bin/env -S node --
       console.log(JSON.stringify(['${word}', process.cwd(), ...process.argv.slice(2)]))
       if (process.argv[2] === 'linger') setInterval(() => {}, 1_000)
       else process.exitCode = 7`,
    )

  test('builds, runs from any folder through links, and hands on arguments and the exit code', () => {
    echo('first')
    symlinkSync(join(checkout, 'scripts', 'troupe'), join(folder, 'absolute'))
    symlinkSync('absolute', join(folder, 'relative'))
    const first = run(join(folder, 'relative'), ['a', 'b c', '--', '*'])
    expect(first.stderr).toContain('building into dist/')
    expect(JSON.parse(first.stdout)).toEqual(['first', folder, 'a', 'b c', '--', '*'])
    expect(first.code).toBe(7)
  })

  test('builds again only when a source has changed', () => {
    expect(run(join(checkout, 'scripts/troupe'), []).stderr).toBe('')
    echo('second')
    const changed = run(join(checkout, 'scripts/troupe'), [])
    expect(changed.stderr).toContain('building')
    expect(changed.stdout).toContain('second')
  })

  test('hands on signals, for it becomes the command', async () => {
    const child = spawn(join(checkout, 'scripts/troupe'), ['linger'], { stdio: ['ignore', 'pipe', 'inherit'] })
    await heard(child, 'second')
    const end = ended(child)
    child.kill('SIGTERM')
    expect(await end).toBe('SIGTERM')
  })

  test('does not run what could not be built', () => {
    writeFileSync(main(), `const wrong: number = 'text'\nconsole.log(wrong)`)
    for (let attempt = 0; attempt < 2; attempt += 1) {
      const { code, stdout, stderr } = run(join(checkout, 'scripts/troupe'), [])
      expect(stdout).toBe('')
      expect(stderr).toContain('main.ts')
      expect(stderr).toContain('The build failed; the compiler says why above.')
      expect(code).toBe(1)
    }
  })

  test('says what to do when Node is too old', () => {
    const bin = join(folder, 'old')
    mkdirSync(bin)
    writeFileSync(join(bin, 'node'), '#!/bin/sh\n[ "$1" = --version ] && echo v18.0.0\nexit 1\n', { mode: 0o755 })
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
    const { status, stderr } = spawnSync(join(checkout, 'scripts/troupe'), [], { env, encoding: 'utf8' })
    expect(stderr).toBe('troupe: Node v18.0.0 is too old; install Node 20.19 or newer.\n')
    expect(status).toBe(1)
  })
})

/**
 * A `troupe` that runs nothing: `up` keeps its tasks as files in the data folder, and each task comes to what the
 * sample expects, but for those named in SPOIL.
 */
const standIn = `
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
const [verb, ...args] = process.argv.slice(2)
const dir = process.env.TROUPE_DATA_DIR as string
const after = (flag: string) => args[args.indexOf(flag) + 1] as string
const file = (id: string) => join(dir, id)
const save = (id: string, row: object) => writeFileSync(file(id), JSON.stringify({ id, reason: null, ...row }))
const live = () => setInterval(() => {}, 1_000)
if (process.env.SPOIL === verb) {
  console.error('spoilt on purpose')
  process.exit(1)
}
if (verb === 'up') {
  mkdirSync(dir, { recursive: true })
  writeFileSync(file('listens'), process.pid + ' ' + process.env.TROUPE_ADDR)
  process.on('SIGTERM', () => process.exit(0))
  live()
} else if (verb === 'node') {
  console.log(JSON.stringify([{ state: existsSync(file('listens')) ? 'Ready' : 'Unknown' }]))
} else if (verb === 'status') {
  const rows = args.filter((id) => id !== '--json' && existsSync(file(id)))
  console.log(JSON.stringify(rows.map((id) => JSON.parse(readFileSync(file(id), 'utf8')))))
} else if (verb === 'stop') {
  for (const id of args) save(id, { state: 'Completed', outcome: 'stopped', exitCode: 143, attempt: 1 })
} else if (verb === 'run') {
  const id = after('--id')
  const name = after('--name')
  const script = args.at(-1) as string
  if (name === 'stopped') {
    save(id, { state: 'Running', outcome: null, exitCode: null, attempt: 1 })
    console.log('waiting to be stopped')
    const timer = setInterval(() => {
      if (readFileSync(file(id), 'utf8').includes('Completed')) clearInterval(timer)
    }, 20)
  } else {
    const attempt = name === 'retry' ? 2 : 1
    console.error(id + ' Pending → Running')
    console.log('hello from x, step 3 of 3, well at last')
    if (process.env.SPOIL === name) save(id, { state: 'Failed', outcome: 'exit', exitCode: 1, attempt, reason: 'it was spoilt' })
    else save(id, { state: 'Completed', outcome: 'succeeded', exitCode: 0, attempt })
    if (!script) process.exit(2)
  }
}
`

describe('scripts/start', () => {
  const start = () => join(checkout, 'scripts/start')
  /** No engine, so that what is shown does not hang on the machine at hand; temporary folders where they can be seen. */
  const environment = (spoil = '') => {
    const temp = mkdtempSync(join(folder, 'tmp-'))
    return { ...process.env, TMPDIR: temp, DOCKER_HOST: 'unix:///nowhere/docker.sock', SPOIL: spoil }
  }
  const once = (spoil = '') => {
    const env = environment(spoil)
    const { status, stdout, stderr } = spawnSync(start(), ['--once'], { env, encoding: 'utf8', timeout: 60_000 })
    const left = readdirSync(env.TMPDIR).filter((name) => name.startsWith('troupe-start-'))
    return { code: status, stdout, stderr, left: left.map((name) => join(env.TMPDIR, name)) }
  }

  beforeAll(() => writeFileSync(main(), standIn))

  test('--once shows the sample, ends with 0 and leaves nothing', () => {
    const { code, stdout, left } = once()
    expect(stdout).toContain('the tasks run as processes')
    expect(stdout).toMatch(/hello {3}· hello-\w+ Pending → Running/)
    for (const task of sampleTasks) expect(stdout).toContain(`ok   ${task.name}: ${task.shows}`)
    expect(stdout).toContain('the sample ended as it should.')
    expect(code).toBe(0)
    expect(left).toEqual([])
  })

  test('--once ends with 1 when a task went wrong, says how, and keeps the data', () => {
    const { code, stdout, left } = once('counter')
    expect(stdout).toContain(
      `FAIL counter: ${sampleTasks[1]?.shows}; but its state is Failed instead of Completed (it was spoilt)`,
    )
    expect(stdout).toContain('1 of 4 tasks went wrong.')
    expect(code).toBe(1)
    expect(left).toHaveLength(1)
    const pid = Number(readFileSync(join(left[0] as string, 'listens'), 'utf8').split(' ')[0])
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })

  test('ends with 1 when `up` cannot start, after its words', () => {
    const { code, stdout } = once('up')
    expect(stdout).toContain('up      · spoilt on purpose')
    expect(stdout).toContain('`troupe up` ended at once; it says why above')
    expect(code).toBe(1)
  })

  test('stays until Ctrl-C, and then stops `up`', async () => {
    const dataDir = join(folder, 'kept')
    const child = spawn(start(), ['--data-dir', dataDir, '--listen', '127.0.0.1:4799'], {
      env: environment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await heard(child, 'Troupe listens on 127.0.0.1:4799')
    const [pid, address] = readFileSync(join(dataDir, 'listens'), 'utf8').split(' ')
    expect(address).toBe('127.0.0.1:4799')
    const end = ended(child)
    child.kill('SIGINT')
    expect(await end).toBe(0)
    expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH')
    expect(readdirSync(dataDir)).toContain('listens')
  })

  test('a wrong flag is refused, and --help explains the right ones', () => {
    const wrong = run(start(), ['--twice'])
    expect(wrong.code).toBe(2)
    expect(wrong.stderr).toContain("Unknown option '--twice'")
    const help = run(start(), ['--help'])
    expect(help.code).toBe(0)
    expect(help.stdout).toContain('--once')
  })
})

describe('the sample', () => {
  const [hello] = sampleTasks
  const good = { id: 'a', state: 'Completed', outcome: 'succeeded', exitCode: 0, attempt: 1, reason: null }

  test('is right only with the right end and the right words', () => {
    if (!hello) throw new Error('the sample is empty')
    expect(wrongWith(hello, good, 'hello from a')).toBeUndefined()
    expect(wrongWith(hello, good, '')).toContain('never said "hello from"')
    expect(wrongWith(hello, undefined, '')).toContain('does not know it')
    expect(wrongWith(hello, { ...good, attempt: 2 }, 'hello from a')).toContain('attempt is 2 instead of 1')
  })
})

describe('package-lock.json', () => {
  test('names every package that another platform needs', () => {
    const lock = JSON.parse(readFileSync(join(here, 'package-lock.json'), 'utf8')) as Lock
    expect(completeLock(lock).added).toEqual([])
  })

  test('is completed from the names of the packages', () => {
    const optionalDependencies = { '@a/cli-darwin-arm64': '1.2.3', '@a/linux-x64-musl': '1.2.3', '@a/inner': '1.0.0' }
    const packages = {
      'node_modules/a': { version: '1.2.3', dev: true, optionalDependencies },
      'node_modules/a/node_modules/@a/inner': { version: '1.0.0' },
    }
    const { lock, added } = completeLock({ packages })
    expect(added).toEqual(['@a/cli-darwin-arm64', '@a/linux-x64-musl'])
    expect(lock.packages['node_modules/@a/cli-darwin-arm64']).toEqual({
      version: '1.2.3',
      cpu: ['arm64'],
      dev: true,
      optional: true,
      os: ['darwin'],
    })
    expect(lock.packages['node_modules/@a/linux-x64-musl']?.libc).toEqual(['musl'])
    const ranged = { 'node_modules/a': { version: '1.0.0', optionalDependencies: { b: '^1.0.0' } } }
    expect(() => completeLock({ packages: ranged })).toThrow('b@^1.0.0')
  })
})

describe('what the tests need and a machine lacks', () => {
  /** Runs `script` with the parts of scripts/test at hand, as somebody who is or is not root on Debian. */
  const prepare = (root_on_debian: '' | 'yes', script: string) => {
    const lib = join(here, 'scripts/lib')
    const parts = ['packages', 'engine', 'foreign'].map((name) => `. ${lib}/${name}.sh`).join('; ')
    const stubs = 'say() { echo "$*"; }; find_browser() { return 1; }; python_ready() { return 1; }'
    const line = `set -euo pipefail; root=${here}; ${parts}; ${stubs}; root_on_debian=${root_on_debian}; ${script}`
    const { stdout, status, stderr } = spawnSync('bash', ['-c', line], { encoding: 'utf8', timeout: 60_000 })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    return stdout
  }
  const failing = 'apt_install() { packages_missing="apt-get could not install $*."; return 1; }'

  test('is named, with what to do, where nothing may be installed', () => {
    expect(prepare('', 'prepare_browser || echo "$browser_missing"')).toMatch(
      /no Chromium; install one, .*root on Debian/,
    )
    expect(prepare('', 'prepare_python || echo "$python_missing"')).toMatch(/python3-websockets and python3-msgpack/)
  })

  test('is what apt-get says where that fails', () => {
    const says = (name: string, what: string) =>
      prepare('yes', `${failing}; prepare_${name} || echo "$${name}_missing"`).includes(
        `apt-get could not install ${what}`,
      )
    expect(says('browser', 'chromium')).toBe(true)
    expect(says('python', 'python3 python3-websockets python3-msgpack')).toBe(true)
    const engine = 'install_engine_packages no-such-command:no-such-package || echo "$engine_missing"'
    expect(prepare('yes', `${failing}; ${engine}`)).toContain('apt-get could not install no-such-package')
  })

  test('is installed, and found, by root on Debian', () => {
    const found = 'apt_install() { echo "$*"; find_browser() { :; }; python_ready() { :; }; }'
    expect(prepare('yes', `${found}; (prepare_browser); (prepare_python); echo ready`)).toBe(
      'chromium\npython3 python3-websockets python3-msgpack\nready\n',
    )
    expect(prepare('', 'install_packages bash:bash && echo ready')).toBe('ready\n')
  })
})

test('scripts/test-node24 says so when that Node cannot be had', () => {
  const bin = join(folder, 'no-registry')
  mkdirSync(bin)
  writeFileSync(join(bin, 'npm'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
  const { status, stderr } = spawnSync(join(checkout, 'scripts/test-node24'), [], { env, encoding: 'utf8' })
  expect(stderr).toMatch(/^test-node24: Node 24\.\d+\.\d+ could not be had; check that the npm registry can be reached/)
  expect(status).toBe(1)
})

test('every script is valid bash and may be run', () => {
  for (const name of [
    'scripts/start',
    'scripts/test',
    'scripts/test-node24',
    'scripts/troupe',
    '.ci/run',
    'scripts/lib/checkout.sh',
  ]) {
    execFileSync('bash', ['-n', join(here, name)])
  }
  for (const name of ['engine', 'packages', 'foreign']) {
    execFileSync('bash', ['-n', join(here, `scripts/lib/${name}.sh`)])
  }
  for (const name of ['scripts/start', 'scripts/test', 'scripts/test-node24', 'scripts/troupe', '.ci/run']) {
    execFileSync('test', ['-x', join(here, name)])
  }
})
