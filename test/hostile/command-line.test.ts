/**
 * Any command line at all, over all commands and flags as their help names them: an exit code of the table, a sentence, no stack,
 * and nothing sent that a manager would hang up for.
 */
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ClientMessage, clientMessages } from '../../actors/protocol/client.ts'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { exitCodes } from '../../runtime/cli/failure.ts'
import type { Roots } from '../../runtime/options.ts'
import { cli } from '../runtime/cli-rig.ts'
import { FakeManager, token } from '../runtime/client-manager.ts'
import { fateOf } from './cases.ts'
import { codecOf } from './peer.ts'

const protocol = 'troupe.v1.msgpack'
const codes = new Set<number>(Object.values(exitCodes))

let manager: FakeManager
/** Every command, with its flags: those that take a value, and those that do not. */
const commands: { readonly words: readonly string[]; readonly flags: readonly { name: string; takes: boolean }[] }[] =
  []

async function helpOf(words: readonly string[]): Promise<string> {
  const { stdout, code } = await cli([...words, '--help'])
  expect(code).toBe(0)
  return stdout
}

const verbsIn = (help: string): string[] =>
  [...(help.split(/^Commands:$/m)[1] ?? '').matchAll(/^ {2}([a-z]+)\b/gm)].map(([, verb = '']) => verb)

async function learn(words: readonly string[]): Promise<void> {
  const help = await helpOf(words)
  const flags = [...help.matchAll(/^ {2}(?:(-\w), )?(--[a-z-]+)( [<[])?/gm)].flatMap(([, short, long = '', value]) =>
    [short, long].filter((name) => name !== undefined).map((name) => ({ name, takes: value !== undefined })),
  )
  commands.push({ words, flags })
  for (const verb of verbsIn(help)) if (verb !== 'help') await learn([...words, verb])
}

beforeAll(async () => {
  manager = await FakeManager.start()
  // Nothing goes on for long: whatever is asked is refused.
  manager.answer = ({ req }) => ({
    type: 'Error',
    req,
    code: 'NotFound',
    message: 'there is no such thing',
    retryable: false,
  })
  await learn([])
})
afterAll(() => manager.close())

const refuse = async (): Promise<never> => {
  throw new TroupeError('Invalid', 'Nothing is opened here.')
}
const roots: Roots = { openManager: refuse, openWorker: refuse, openUp: refuse }

const odd = [
  ...[
    '',
    ' ',
    '-',
    '--',
    '=',
    '0',
    '-1',
    '1',
    '1e999',
    'NaN',
    '10s',
    '64m',
    'a=b',
    'A=',
    '=b',
    'a',
    'x'.repeat(70_000),
  ],
  ...[
    '\u001b[2J',
    '\0',
    'a\nb',
    '\u009b',
    '\u202e',
    '\ud800',
    '漢字',
    '__proto__',
    '__proto__=x',
    'constructor',
    'toString',
  ],
  ...[
    '../..',
    '/',
    '/nowhere/at/all',
    'http://h',
    'ws://h:1',
    'process',
    'docker',
    '/a:/b',
    '80:80',
    '-f',
    '$(x)',
    '%s',
    '9'.repeat(400),
  ],
]
const word = fc.oneof(fc.constantFrom(...odd), fc.string({ unit: 'binary', maxLength: 20 }), fc.constant('abc'))

const line = fc.nat().chain((which) => {
  const { words, flags } = commands[which % commands.length] as (typeof commands)[number]
  const flag = flags.length === 0 ? fc.constant({ name: '--nothing', takes: true }) : fc.constantFrom(...flags)
  const given = fc.tuple(flag, word, fc.nat(9)).map(([{ name, takes }, value, how]) => {
    // Mostly as it should be; else without its value, with one that it does not take, or written together.
    if (how === 0) return [name]
    if (how === 1) return [`${name}=${value}`]
    if (how === 2) return [`${name}x`]
    return takes ? [name, value] : [name]
  })
  const parts = fc.array(
    fc.oneof({ weight: 3, arbitrary: given }, { weight: 2, arbitrary: word.map((text) => [text]) }),
    { maxLength: 5 },
  )
  return parts.map((all) => [...words, ...all.flat()])
})

/** What a real manager would do with it: anything but hang up. */
function isTaken(message: ClientMessage): boolean {
  const payload = codecOf(protocol).encode({ m: [message] })
  return fateOf({ schemas: clientMessages, protocol, lenient: false }, payload) === 'taken'
}

async function run(args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<void> {
  manager.received.length = 0
  const env = { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token, ...more }
  const { code, stdout, stderr } = await cli(args, { env, roots, stdin: 'image: x\n' })
  expect(codes.has(code), `exit code ${code}`).toBe(true)
  expect(stderr).not.toMatch(/^\s+at .*(?:node:|\.[jt]s)/m)
  expect(stderr).not.toMatch(/TypeError|RangeError|Cannot read prop|is not a function|undefined/)
  if (code !== 0) expect(stderr.trim()).not.toBe('')
  expect(/(?![\n\t])[\p{Cc}\p{Cf}\u2028\u2029]/u.exec(stdout + stderr)).toBeNull()
  // Of a Hello the token is looked at before anything else.
  expect(manager.received.filter((message) => message.type !== 'ClientHello' && !isTaken(message))).toEqual([])
}

test('the help names all commands, and their flags', () => {
  expect(commands.length).toBeGreaterThan(20)
  expect(commands.flatMap(({ flags }) => flags).length).toBeGreaterThan(150)
})

test('any command line', async () => {
  await fc.assert(
    fc.asyncProperty(line, (args) => run(args)),
    { numRuns: 1_500, interruptAfterTimeLimit: 60_000 },
  )
}, 120_000)

test('every flag with every odd value', async () => {
  let at = 0
  for (const { words, flags } of commands) {
    for (const { name } of flags) {
      // A few for each, other ones for the next.
      for (let count = 0; count < 3; count += 1) await run([...words, name, odd[at++ % odd.length] as string, 'abc'])
    }
  }
}, 120_000)

test('environments', async () => {
  for (const value of odd.filter((text) => text !== '')) {
    await run(['status'], { TROUPE_ADDR: value })
    await run(['status'], { TROUPE_TOKEN: value })
    await run(['status'], { TROUPE_DATA_DIR: value })
  }
}, 60_000)
