import { describe, expect, test } from 'vitest'
import { UsageError } from '../../runtime/cli/failure.ts'
import { parseTaskFile } from '../../runtime/cli/task-file.ts'

const fault = (text: string): string => {
  try {
    parseTaskFile(text, 'task.yaml')
  } catch (error) {
    expect(error).toBeInstanceOf(UsageError)
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

describe('a task file', () => {
  test('takes every field, in the words of people', () => {
    const text = `
id: nightly
name: report
driver: docker
image: alpine:3
pull: never
entrypoint: [/bin/sh]
command: ["-c", "echo hi"]
env: {A: "1"}
workdir: /tmp
user: "1000"
network: none
cpus: 0.5
memory: 64m
pidsLimit: 10
init: false
mounts:
  - /data:/data:ro
  - source: /a
    target: /b
labels: {team: x}
constraints: [zone=a]
restart: {policy: on-failure, max: 3, backOff: 1s, backOffMax: 1m, sameNode: 1, window: 5m}
timeout: 10m
waitTimeout: 1h
stopTimeout: 3s
disconnect: {lostAfter: 5m, stopAfter: 1m, replace: true}
`
    expect(parseTaskFile(text, 'f')).toEqual({
      id: 'nightly',
      spec: {
        name: 'report',
        driver: 'docker',
        image: 'alpine:3',
        pull: 'never',
        entrypoint: ['/bin/sh'],
        command: ['-c', 'echo hi'],
        env: { A: '1' },
        workdir: '/tmp',
        user: '1000',
        network: 'none',
        cpus: 0.5,
        memoryBytes: 64 * 2 ** 20,
        pidsLimit: 10,
        init: false,
        mounts: [
          { source: '/data', target: '/data', readOnly: true },
          { source: '/a', target: '/b' },
        ],
        labels: { team: 'x' },
        constraints: ['zone=a'],
        restart: {
          policy: 'on-failure',
          max: 3,
          backOffMs: 1_000,
          backOffMaxMs: 60_000,
          sameNode: 1,
          windowMs: 300_000,
        },
        timeoutMs: 600_000,
        waitTimeoutMs: 3_600_000,
        stopGraceMs: 3_000,
        disconnect: { lostAfterMs: 300_000, stopAfterMs: 60_000, replace: true },
      },
    })
  })

  test('files of mounts from where the file is, memory and secrets', () => {
    const text = `
image: x
mounts:
  - ./here:/c
  - source: ../there
    target: /d
tmpfs:
  - /run:size=1m
  - target: /tmp
    size: 2m
readOnly: true
secretEnv: {B: hunter2}
`
    expect(parseTaskFile(text, 'f', '/home/me').spec).toEqual({
      driver: 'docker',
      image: 'x',
      mounts: [
        { source: '/home/me/here', target: '/c' },
        { source: '/home/there', target: '/d' },
      ],
      tmpfs: [
        { target: '/run', sizeBytes: 2 ** 20 },
        { target: '/tmp', sizeBytes: 2 ** 21 },
      ],
      readOnly: true,
      secretEnv: { B: 'hunter2' },
    })
  })

  test('JSON with tabs, exact fields, restart as a word, docker by default', () => {
    const text = '{\n\t"image": "x",\n\t"memoryBytes": 1024,\n\t"restart": "always"\n}'
    expect(parseTaskFile(text, 'f').spec).toEqual({
      driver: 'docker',
      image: 'x',
      memoryBytes: 1_024,
      restart: { policy: 'always' },
    })
  })

  test.each([
    ['an unknown field', 'image: x\ncomand: [a]', '2: there is no field "comand"; did you mean "command"?'],
    [
      'an unknown field below',
      'image: x\nrestart:\n  policy: always\n  maxx: 2',
      '4: there is no field "maxx"; did you mean "max"?',
    ],
    ['a wrong type', 'image: x\n\ncpus: many', '3: "cpus" must be a number.'],
    [
      'text that looks like a number',
      'image: x\nuser: 1000',
      '2: "user" must be text; put it in quotes if it looks like a number.',
    ],
    [
      'a number in env',
      'image: x\nenv:\n  A: ok\n  PORT: 80',
      '4: "env.PORT" must be text; put it in quotes if it looks like a number.',
    ],
    ['command as text', 'image: x\ncommand: echo hi', '2: "command" must be a list.'],
    [
      'an item of a list',
      'image: x\ncommand:\n  - a\n  - 1',
      '4: "command.1" must be text; put it in quotes if it looks like a number.',
    ],
    ['a wrong value', 'image: x\npull: sometimes', '2: "pull" must be missing, always or never.'],
    ['a value out of range', 'image: x\ncpus: 0', '2: "cpus" must be > 0.'],
    ['a wrong duration', 'image: x\ntimeout: 10', '2: "timeout" must be text with a unit, such as 10s or 64m.'],
    ['a wrong size', 'image: x\nmemory: lots', '2: "memory": "lots" is no size; write for example 64m, 1g or 512MiB.'],
    [
      'a wrong nested duration',
      'image: x\nrestart:\n  policy: always\n  backOff: 1y',
      '4: "restart.backOff": "1y" is no duration',
    ],
    [
      'a constraint',
      'image: x\nconstraints:\n  - "zone"',
      '3: "constraints.0" must look like label=value or label!=value.',
    ],
    [
      'a mount',
      'image: x\nmounts:\n  - data:/data',
      '3: "mounts.0": "data" is no mount: there are no volumes with names; write ./data for a folder.',
    ],
    ['a tmpfs', 'image: x\ntmpfs: [run]', '2: "tmpfs.0": "run" is no tmpfs'],
    [
      'a variable twice',
      'image: x\nenv: {A: b}\nsecretEnv: {A: c}',
      '3: "secretEnv" has "A", which is in env, too; keep one of them.',
    ],
    [
      'a secret in a name',
      'image: x\nsecretEnv: {A=hunter2: b}',
      '2: "secretEnv" has "A…", which is no name of a variable.',
    ],
    [
      'a secret as an alias',
      'image: x\nsecretEnv: {A: *hunter2}',
      '1: Unresolved alias (the anchor must be set before the alias).',
    ],
    ['a secret as a tag', 'image: x\nsecretEnv: {A: !hunter2 x}', '2: Unresolved tag.'],
    [
      'a secret as a number',
      'image: x\nsecretEnv: {A: 5}',
      '2: "secretEnv.A" must be text; put it in quotes if it looks like a number.',
    ],
    ['a port', 'image: x\nports:\n  - 80\n  - 99999', '4: "ports.1": "99999" is no port'],
    ['a field of a port', 'image: x\nports:\n  - tarjet: 80', '3: there is no field "tarjet"; did you mean "target"?'],
    [
      'a field twice',
      'image: x\nmemory: 1g\nmemoryBytes: 5',
      '3: "memoryBytes" and "memory" say the same; keep one of them.',
    ],
    ['a field without a value', 'image: x\nname:', '2: "name" has no value.'],
    ['a restart without policy', 'image: x\nrestart:\n  max: 3', '2: "restart" lacks the field "policy".'],
    [
      'a restart that contradicts itself',
      'image: x\nrestart:\n  policy: never\n  max: 3',
      '4: "restart.max" has no meaning when the policy is never.',
    ],
    ['no image', 'name: x\ncommand: [a]', '1: "image" is missing; the docker driver needs one.'],
    [
      'docker fields for a process',
      'driver: process\ncommand: [a]\nnetwork: none',
      '3: "network" is only for the docker driver.',
    ],
    ['no command for a process', 'driver: process', '1: "command" is missing; the process driver needs one.'],
    ['a wrong id', 'image: x\nid: Not_OK', '2: "id": "Not_OK" is no task id'],
    ['a field of ours', 'image: x\nrerunOf: a', '2: there is no field "rerunOf"'],
    ['broken YAML', 'image: x\ncommand: [a\nname: b', '3: '],
    ['two documents', 'image: x\n---\nimage: y', '2: a second document begins; a file holds one task'],
    ['a key twice', 'image: x\nname: a\nname: b', '3: Map keys must be unique.'],
    ['a list', '- image: x', '1: a task is a map of fields.'],
    ['nothing', '', '1: the file is empty; it should hold the fields of a task.'],
    ['two documents', 'image: x\n---\nimage: y', '2: '],
    ['a prototype', 'image: x\n__proto__: {a: 1}', '2: there is no field "__proto__"'],
  ])('%s is refused with its line', (_, text, message) => {
    expect(fault(text)).toMatch(/^task\.yaml:\d+: \S/)
    expect(fault(text).slice('task.yaml:'.length)).toContain(message)
  })

  test('a bomb of aliases is refused', () => {
    const bomb = ['a: &a [x,x,x,x,x,x,x,x,x,x]']
    for (const [from, to] of ['ab', 'bc', 'cd', 'de', 'ef'].map((pair) => [...pair])) {
      bomb.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(',')}]`)
    }
    expect(fault(bomb.join('\n'))).toMatch(/alias/i)
  })
})
