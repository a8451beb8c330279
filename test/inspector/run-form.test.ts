import { describe, expect, test } from 'vitest'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { linesOfNode, linesOfTask } from '../../inspector/page/act/cli-lines.ts'
import { shellHint, splitCommand } from '../../inspector/page/act/command-words.ts'
import { readDuration, readSize } from '../../inspector/page/act/duration-text.ts'
import { atField, failureOf, fieldOf } from '../../inspector/page/act/failure-words.ts'
import { readMount, readSecrets, readTmpfs, withSecretRows } from '../../inspector/page/act/run-asks.ts'
import { emptyForm, faultOfSpec, formFieldOf, readForm, readJson } from '../../inspector/page/act/run-form.ts'
import { parseDuration } from '../../runtime/cli/duration.ts'
import { parseMount, parseTmpfs } from '../../runtime/cli/mount.ts'
import { parseSize } from '../../runtime/cli/size.ts'

describe('a command is split as a shell would', () => {
  test.each([
    ['sleep 30', ['sleep', '30']],
    ['  sh   -c\t"echo hi" ', ['sh', '-c', 'echo hi']],
    [`sh -c 'echo "$HOME"; exit 3'`, ['sh', '-c', 'echo "$HOME"; exit 3']],
    [`echo "a \\" b \\\\ \\$c \\d"`, ['echo', 'a " b \\ $c \\d']],
    [`a\\ b 'c'"d"e`, ['a b', 'cde']],
    [`x '' ""`, ['x', '', '']],
    ['one \\\n two', ['one', 'two']],
    ['echo ä 日本 🎭', ['echo', 'ä', '日本', '🎭']],
    ['', []],
    [' \n ', []],
  ])('%j', (line, words) => expect(splitCommand(line)).toEqual({ words }))

  test.each([
    [`echo 'open`, "A quote (') is not closed."],
    ['echo "open', 'A quote (") is not closed.'],
    ['echo \\', 'It ends with a backslash that keeps nothing.'],
  ])('%j is not whole', (line, fault) => expect(splitCommand(line).fault).toBe(fault))

  test('what would need a shell is said, unless there is one', () => {
    expect(shellHint(['ls', '|', 'wc'])).toContain('“|” is handed over as a word')
    expect(shellHint(['echo', '$HOME'])).toContain('“$HOME”')
    expect(shellHint(['sh', '-c', 'ls', '|'])).toBeUndefined()
    expect(shellHint(['/bin/bash', '$0'])).toBeUndefined()
    expect(shellHint(['echo', 'a|b', '$'])).toBeUndefined()
  })
})

describe('durations and amounts of memory are those of the command line', () => {
  test.each(['500ms', '10s', '1m30s', '2h', '1d', '0', '1.5s', ' 90s '])('%s', (text) =>
    expect(readDuration(text)).toBe(parseDuration(text)),
  )
  test.each(['10', 'soon', '', '-1s', '1000d', '10 potatoes'])('%j is none', (text) =>
    expect(readDuration(text)).toBeUndefined(),
  )
  test.each(['64m', '1g', '512MiB', '1.5 GiB', '1024', '2kb', '7b'])('%s', (text) =>
    expect(readSize(text)).toBe(parseSize(text)),
  )
  test.each(['', 'much', '0', '-1m', '9999999t'])('%j is no memory', (text) => expect(readSize(text)).toBeUndefined())
})

describe('mounts are those of the command line, but that a page has no folder', () => {
  test.each(['/a:/b', '/a:/b:ro', '/a b:/c:rw'])('%s', (text) => expect(readMount(text)).toEqual(parseMount(text, '/')))
  test.each(['/run', '/run:size=64m', '/a b:size=1.5g'])('%s', (text) =>
    expect(readTmpfs(text)).toEqual(parseTmpfs(text)),
  )
  test.each(['', '/a', 'a:/b', '/a:b', '/a:/b:rx', '~/a:/b'])('%j is no mount', (text) =>
    expect(() => readMount(text)).toThrow(RangeError),
  )
  test.each(['', 'run', '/run:64m', '/run:size=', '/run:size=0'])('%j is no tmpfs', (text) =>
    expect(() => readTmpfs(text)).toThrow(RangeError),
  )
})

describe('the form', () => {
  const form = { ...emptyForm, command: `sh -c 'echo hi'` }

  test('gives a specification with what was filled in, and nothing else', () => {
    expect(readForm(form)).toEqual({ spec: { driver: 'process', command: ['sh', '-c', 'echo hi'] }, faults: {} })
    const full = {
      ...emptyForm,
      ...{ driver: 'docker', image: ' alpine ', command: 'date', name: ' nightly ', env: 'A=1\n\nB=x=y \n' },
      ...{ labels: 'app=web', cpus: '0.5', memory: '64m', restart: 'on-failure', maxRestarts: '3' },
    }
    expect(readForm(full)).toEqual({
      spec: {
        ...{ driver: 'docker', image: 'alpine', command: ['date'], name: 'nightly', env: { A: '1', B: 'x=y ' } },
        ...{ labels: { app: 'web' }, cpus: 0.5, memoryBytes: 64 * 2 ** 20 },
        restart: { policy: 'on-failure', max: 3 },
      },
      faults: {},
    })
  })

  test('has an image for docker only, whose command may be the image’s own', () => {
    expect(readForm({ ...form, image: 'alpine' }).spec).not.toHaveProperty('image')
    expect(readForm({ ...emptyForm, driver: 'docker', image: 'alpine' })).toEqual({
      spec: { driver: 'docker', image: 'alpine' },
      faults: {},
    })
  })

  test('says at each field what is wrong with it', () => {
    const { faults } = readForm({
      ...emptyForm,
      ...{ driver: 'docker', image: '', command: `'`, name: '', env: 'nameless', labels: '=x' },
      ...{ cpus: '-1', memory: 'much', restart: 'always', maxRestarts: 'often' },
    })
    const fields = ['command', 'cpus', 'env', 'image', 'labels', 'maxRestarts', 'memory']
    expect(Object.keys(faults).sort()).toEqual(fields)
    expect(readForm(emptyForm).faults).toEqual({ command: 'Say what should run.' })
  })

  test('takes ports, nodes and files a line each, and files for docker only', () => {
    const asks = {
      ...{ ports: '8080:80\n 53/udp ', constraints: 'disk=ssd', affinities: 'zone=eu:80\nnode!=old' },
      ...{ mounts: '/data:/in:ro', tmpfs: '/run:size=1m', readOnly: 'yes' },
    }
    const placed = {
      ports: [
        { host: 8080, target: 80 },
        { target: 53, protocol: 'udp' },
      ],
      constraints: ['disk=ssd'],
      affinities: [{ expression: 'zone=eu', weight: 80 }, { expression: 'node!=old' }],
    }
    const files = {
      mounts: [{ source: '/data', target: '/in', readOnly: true }],
      tmpfs: [{ target: '/run', sizeBytes: 2 ** 20 }],
      readOnly: true,
    }
    expect(readForm({ ...form, ...asks })).toEqual({
      spec: { driver: 'process', command: ['sh', '-c', 'echo hi'], ...placed },
      faults: {},
    })
    expect(readForm({ ...emptyForm, ...asks, driver: 'docker', image: 'alpine' })).toEqual({
      spec: { driver: 'docker', image: 'alpine', ...placed, ...files },
      faults: {},
    })
    const { faults } = readForm({
      ...{ ...emptyForm, driver: 'docker', image: 'alpine', ports: '80\n99999', constraints: 'ssd' },
      ...{ affinities: 'zone=eu:0', mounts: './data:/in', tmpfs: '/run:size=much' },
    })
    expect(faults).toEqual({
      ports: '"99999" is no port; write a number from 1 to 65535.',
      constraints: '"ssd" is no constraint; write LABEL=VALUE or LABEL!=VALUE.',
      affinities: expect.stringContaining('0 is no weight of an affinity'),
      mounts: expect.stringContaining('"./data:/in" is no mount'),
      tmpfs: expect.stringContaining('"/run:size=much" is no tmpfs'),
    })
  })

  test('is checked as the manager checks it, and says at which field', () => {
    const ofForm = (more: object) => faultOfSpec(readForm({ ...form, ...more }).spec)
    expect(ofForm({})).toBeUndefined()
    expect(ofForm({ ports: '8080:80\n8080:81' })).toEqual({
      field: 'ports',
      text: 'The host port 8080 is asked for twice: a port has one holder, so choose another.',
    })
    expect(ofForm({ ports: '127.0.0.1:8080:80' })?.field).toBe('ports')
    expect(ofForm({ env: 'TROUPE_NODE=here' })?.field).toBe('env')
    expect(ofForm({ labels: 'troupe.x=1' })?.field).toBe('labels')
    const docker = { driver: 'docker', image: 'alpine', mounts: '/a:/in\n/b:/in' }
    expect(ofForm(docker)).toEqual({ field: 'mounts', text: 'Two mounts have the target /in: give each its own.' })
    expect(faultOfSpec({ driver: 'process', command: ['a'], secretEnv: { TROUPE_NODE: 'x' } })?.field).toBe('secrets')
    expect(faultOfSpec({ driver: 'docker' })).toEqual({ text: expect.stringContaining('needs an image') })
  })

  test('has secrets beside it, whose values stand in no sentence and in no JSON of it', () => {
    const row = { name: ' KEY ', value: 'hunter2' }
    expect(readSecrets([row, { name: '', value: '' }])).toEqual({ secretEnv: { KEY: 'hunter2' }, fault: undefined })
    for (const rows of [[{ ...row, name: '' }], [{ ...row, value: '' }], [row, row]]) {
      expect(readSecrets(rows).fault).toMatch(/secret/)
      expect(readSecrets(rows).fault).not.toContain('hunter2')
    }
    const { spec } = readForm(form)
    expect(withSecretRows(spec, {})).toBe(spec)
    expect(withSecretRows({ ...spec, secretEnv: { A: '1' } }, { KEY: 'hunter2' }).secretEnv).toEqual({
      ...{ A: '1', KEY: 'hunter2' },
    })
  })

  test('as JSON, any specification goes as it is, and what is none is told', () => {
    expect(readJson('{"driver":"mine","x":1}')).toEqual({ spec: { driver: 'mine', x: 1 } })
    for (const text of ['[1]', 'null', '"a"', '{']) expect(readJson(text)).toHaveProperty('fault')
  })
})

describe('what an act came to', () => {
  test('is the manager’s sentence, a look-only token, or that nobody knows', () => {
    expect(failureOf(new TroupeError('Conflict', 'node n1 is Ready: drain it first'))).toEqual({
      text: 'Node n1 is Ready: drain it first.',
      isUnknown: false,
    })
    expect(failureOf(new TroupeError('Forbidden', 'no')).text).toMatch('may only look')
    const unknown = failureOf(new TroupeError('OutcomeUnknown', 'ask again'))
    expect(unknown).toEqual({
      text: 'It was sent, but no answer came: whether it was done is not known. Ask again.',
      isUnknown: true,
    })
    expect(failureOf('odd')).toEqual({ text: 'odd', isUnknown: false })
  })

  test('stands at the field that it is about', () => {
    expect(fieldOf('The SubmitTask cannot be sent: SubmitTask/spec/memoryBytes must be >= 1.')).toBe('memoryBytes')
    expect(atField('The SubmitTask cannot be sent: /spec/cpus must be <= 4096.')).toBe('It must be <= 4096.')
    expect(atField('image is odd.')).toBe('image is odd.')
    expect(fieldOf('image is only for the docker driver')).toBe('image')
    expect(formFieldOf[fieldOf('The queue is full.') ?? '']).toBeUndefined()
  })
})

test('the same on the command line: whose lines fit how things stand', () => {
  const host = '127.0.0.1:4747'
  const live = linesOfTask({ id: 'abc', outcome: null }, host).map(({ line }) => line)
  expect(live).toEqual(['troupe explain abc', 'troupe logs -f abc', 'troupe events abc', 'troupe stop abc'])
  expect(linesOfTask({ id: 'abc', outcome: 'exit' }, host).at(-1)?.line).toBe('troupe rerun abc')
  expect(linesOfNode({ name: 'n1', draining: false }, 'localhost:80').at(-1)?.line).toBe(
    'troupe node drain n1 --addr localhost:80',
  )
  expect(linesOfNode({ name: 'n1', draining: true }, host).at(-1)?.line).toBe('troupe node undrain n1')
})
