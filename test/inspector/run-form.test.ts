import { describe, expect, test } from 'vitest'
import { TroupeError } from '../../actors/protocol/errors.ts'
import { linesOfNode, linesOfTask } from '../../inspector/page/act/cli-lines.ts'
import { shellHint, splitCommand } from '../../inspector/page/act/command-words.ts'
import { readDuration, readSize } from '../../inspector/page/act/duration-text.ts'
import { atField, failureOf, fieldOf } from '../../inspector/page/act/failure-words.ts'
import { emptyForm, formFieldOf, readForm, readJson } from '../../inspector/page/act/run-form.ts'
import { parseDuration } from '../../runtime/cli/duration.ts'
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

describe('the form', () => {
  const form = { ...emptyForm, command: `sh -c 'echo hi'` }

  test('gives a specification with what was filled in, and nothing else', () => {
    expect(readForm(form)).toEqual({ spec: { driver: 'process', command: ['sh', '-c', 'echo hi'] }, faults: {} })
    const full = {
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
      ...{ driver: 'docker', image: '', command: `'`, name: '', env: 'nameless', labels: '=x' },
      ...{ cpus: '-1', memory: 'much', restart: 'always', maxRestarts: 'often' },
    })
    const fields = ['command', 'cpus', 'env', 'image', 'labels', 'maxRestarts', 'memory']
    expect(Object.keys(faults).sort()).toEqual(fields)
    expect(readForm(emptyForm).faults).toEqual({ command: 'Say what should run.' })
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
