/** Variables of a task from flags and files: which win, and that no complaint about them shows what may be a secret. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { mountsText } from '../../runtime/cli/mount.ts'
import { variablesInFile, variablesText } from '../../runtime/cli/variables.ts'
import { cli as runCommand } from './cli-rig.ts'
import { FakeManager, token } from './client-manager.ts'

const folder = mkdtempSync(join(tmpdir(), 'troupe-variables-'))
const write = (name: string, text: string | Buffer) => writeFileSync(join(folder, name), text)

let manager: FakeManager
beforeAll(() => {
  write('first.env', '\ufeff# first\r\nA=1\r\nB=file\r\n\r\n  HERE\nGONE\n')
  write('second.env', 'B=second\nC = x\n'.replace('C = x', 'C="quoted # kept"'))
  write('secret.env', 'PASSWORD=hunter2=\nHERE\n')
  write('bad.env', 'A=1\nhunter2\n')
  write('export.env', 'export A=hunter2\n')
  write('nameless.env', '\n=hunter2\n')
  write('nul.env', 'A=hunter2\0\n')
  write('binary.env', Buffer.from([0x41, 0x3d, 0xff, 0xfe]))
  write('large.env', `A=${'hunter2'.repeat(200_000)}`)
  write('task.yaml', 'id: t\nimage: x\nenv: {A: file, Z: file}\nsecretEnv: {S: file}\n')
  write('broken.yaml', 'image: x\nsecretEnv:\n  A: "hunter2\n')
  write('list.yaml', 'image: x\nsecretEnv: ["A=hunter2"]\n')
  write('column.yaml', 'image: x\nsecretEnv: {A: [hunter2]}\n')
  write('reserved.yaml', 'image: x\nsecretEnv: {A: `hunter2}\n')
  write('here.yaml', 'image: x\nmounts: [".:/here", "./in:/in:ro"]\n')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))
beforeEach(async () => {
  manager = await FakeManager.start()
})
afterEach(() => manager.close())

const run = (...args: readonly string[]) => {
  const env = { TROUPE_ADDR: manager.address, TROUPE_TOKEN: token, HERE: 'yes' }
  return runCommand(['run', '-d', '--id', 't', ...args], { env, cwd: folder })
}

describe('variables', () => {
  const docker = { driver: 'docker', image: 'x' }
  test.each([
    [['--env-file', 'first.env', 'x'], { ...docker, env: { A: '1', B: 'file', HERE: 'yes' } }],
    [
      ['-e', 'A=flag', '--env-file', 'first.env', '--env-file', 'second.env', 'x'],
      { ...docker, env: { A: 'flag', B: 'second', HERE: 'yes', C: '"quoted # kept"' } },
    ],
    [
      ['--secret-env', 'HERE', '--secret-env', 'A=1=2', '-e', 'B=3', 'x'],
      { ...docker, env: { B: '3' }, secretEnv: { HERE: 'yes', A: '1=2' } },
    ],
    [
      ['--secret-env-file', 'secret.env', '--secret-env', 'HERE=flag', 'x'],
      { ...docker, secretEnv: { PASSWORD: 'hunter2=', HERE: 'flag' } },
    ],
    [
      ['-f', 'task.yaml', '-e', 'A=flag', '--secret-env', 'HERE', '--secret-env-file', 'secret.env'],
      { ...docker, env: { A: 'flag', Z: 'file' }, secretEnv: { S: 'file', HERE: 'yes', PASSWORD: 'hunter2=' } },
    ],
    [['-f', 'task.yaml'], { ...docker, env: { A: 'file', Z: 'file' }, secretEnv: { S: 'file' } }],
    [
      ['-v', '.:/here', '--mount', './in:/in:ro', '--tmpfs', '/run:size=1m', '--tmpfs', '/tmp', '--read-only', 'x'],
      {
        ...docker,
        mounts: [
          { source: folder, target: '/here' },
          { source: join(folder, 'in'), target: '/in', readOnly: true },
        ],
        tmpfs: [{ target: '/run', sizeBytes: 2 ** 20 }, { target: '/tmp' }],
        readOnly: true,
      },
    ],
    [
      ['-f', 'here.yaml'],
      {
        ...docker,
        mounts: [
          { source: folder, target: '/here' },
          { source: join(folder, 'in'), target: '/in', readOnly: true },
        ],
      },
    ],
  ])('of %j', async (args, spec) => {
    const { code, stderr } = await run(...args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(manager.specs.get('t')).toEqual(spec)
  })

  test.each([
    [['--secret-env', 'GONE', 'x'], '--secret-env GONE has no value in this environment; set it, or write KEY=VALUE.'],
    [['--secret-env', 'hunter2', 'x'], '--secret-env has no value in this environment; set it, or write KEY=VALUE.'],
    [['--secret-env', '=hunter2', 'x'], '--secret-env has a value without a name; write KEY=VALUE.'],
    [['-e', '=hunter2', 'x'], '--env has a value without a name; write KEY=VALUE.'],
    [['-e', 'A=1', '--secret-env', 'A=hunter2', 'x'], '--secret-env has "A", which is in env, too; keep one of them.'],
    [['--secret-env-file', 'bad.env', 'x'], 'bad.env:2: what it names has no value in this environment; set it, or'],
    [['--env-file', 'export.env', 'x'], 'export.env:1: the name has a space in it; write KEY=VALUE, without "export".'],
    [['--env-file', 'nameless.env', 'x'], 'nameless.env:2: there is no name before the "="; write KEY=VALUE.'],
    [['--env-file', 'nul.env', 'x'], 'nul.env:1: there is a NUL character, which no variable can hold.'],
    [['--env-file', 'binary.env', 'x'], 'binary.env is no text in UTF-8, as a list of variables should be.'],
    [['--env-file', 'large.env', 'x'], 'large.env is larger than 1024 KiB, too large for a list of variables.'],
    [['--env-file', '/dev/zero', 'x'], '/dev/zero is larger than 1024 KiB'],
    [['--env-file', 'none.env', 'x'], 'none.env cannot be read: there is no such file.'],
    [['--env-file', '.', 'x'], '. cannot be read: it is a folder.'],
    [['--secret-evn=A=hunter2', 'x'], "unknown option '--secret-evn'"],
    [['--cpus', '0', '--secret-env', 'A=hunter2', 'x'], '"0" is no number of cores'],
    [['--secret-env', `A=${'hunter2'.repeat(20_000)}`, 'x'], '--secret-env must not have more than 131072 characters.'],
    [
      ['--driver', 'process', '--secret-env', 'A=hunter2', '--read-only', 'x'],
      '--read-only is only for the docker driver',
    ],
    [['--driver', 'process', '--tmpfs', '/a', 'x'], '--tmpfs is only for the docker driver'],
    [['-v', 'data:/b', 'x'], '--mount "data" is no mount: there are no volumes with names; write ./data for a folder.'],
    [['--tmpfs', 'a', 'x'], '"a" is no tmpfs; write TARGET or TARGET:size=64m'],
    [['-f', 'broken.yaml'], 'broken.yaml:4: Missing closing "quote.'],
    [['-f', 'list.yaml'], 'list.yaml:2: "secretEnv" must be a map of names and values.'],
    [['-f', 'column.yaml'], 'column.yaml:2: "secretEnv.A" must be text'],
    [['-f', 'reserved.yaml'], 'reserved.yaml:2: Plain value cannot start with reserved character `'],
    [['-f', 'task.yaml', '--secret-env', 'A=hunter2'], '--secret-env has "A", which is in env, too; keep one of them.'],
    [['-f', 'task.yaml', '--read-only'], '--read-only belongs in task.yaml'],
  ])('%j are refused without a secret', async (args, words) => {
    const { code, stdout, stderr } = await run(...args)
    expect(stderr).toContain(words)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).not.toContain('hunter2')
    expect(manager.specs.size).toBe(0)
  })
})

describe('for people', () => {
  const docker = { driver: 'docker', image: 'x' }

  test('variables are named with what was told of them, and many are cut', () => {
    expect(variablesText(docker)).toBeUndefined()
    expect(variablesText({ ...docker, env: { A: 'x'.repeat(61) }, secretEnv: { KEY: '***' } })).toBe(
      `A=${'x'.repeat(60)}…, KEY=***`,
    )
    const many = Object.fromEntries(Array.from({ length: 23 }, (_, at) => [`V${at}`, '']))
    expect(variablesText({ ...docker, env: many })).toMatch(/V19=, … and 3 more$/)
  })

  test('mounts are written as they are asked for', () => {
    expect(mountsText(docker)).toBeUndefined()
    const mounts = [
      { source: '/a', target: '/b', readOnly: true },
      { source: '/c', target: '/d' },
    ]
    const tmpfs = [{ target: '/run', sizeBytes: 2 ** 20 }, { target: '/tmp' }]
    expect(mountsText({ ...docker, mounts, tmpfs, readOnly: true })).toBe(
      '/a:/b:ro, /c:/d, /run in memory (1MiB), /tmp in memory, all else is read-only',
    )
  })
})

test('a name that every object has is a name like others', () => {
  expect([...variablesInFile('constructor\ntoString=1\n', 'f', {}, false)]).toEqual([['toString', '1']])
})
