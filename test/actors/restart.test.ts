import fc from 'fast-check'
import { Check } from 'typebox/value'
import { describe, expect, test } from 'vitest'
import { modelLimits, TaskSpec } from '../../actors/model.ts'
import { checkSpec, resolvePolicies } from '../../actors/policies.ts'
import { afterEnd, backOffMs, type Ending, endingOf, moveDelayMs, resolveRestart } from '../../actors/restart.ts'

const endings: Ending[] = ['succeeded', 'failed', 'fatal']

describe('afterEnd', () => {
  test.each([
    [undefined, []],
    ['never', []],
    ['on-failure', ['failed']],
    ['always', ['succeeded', 'failed']],
  ] as const)('policy %s restarts after %j', (policy, restarting) => {
    const restart = resolveRestart(policy && { policy })
    expect(endings.filter((ending) => afterEnd(restart, 0, ending, 0.5).restart)).toEqual(restarting)
  })

  test('no more restarts than max', () => {
    const restart = resolveRestart({ policy: 'always', max: 3 })
    expect([0, 1, 2, 3, 4].map((restarts) => afterEnd(restart, restarts, 'failed', 0).restart)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
    expect(afterEnd(resolveRestart({ policy: 'always', max: 0 }), 0, 'failed', 0)).toEqual({ restart: false })
    expect(afterEnd(resolveRestart({ policy: 'always' }), 1_000_000, 'failed', 0).restart).toBe(true)
  })

  test('the delay is that of the back-off', () => {
    const restart = resolveRestart({ policy: 'on-failure' })
    expect(afterEnd(restart, 3, 'failed', 0.5)).toEqual({ restart: true, delayMs: 2_000 })
  })

  test('how an attempt ended', () => {
    expect(endingOf({ kind: 'exited', exitCode: 0 })).toBe('succeeded')
    expect(endingOf({ kind: 'exited', exitCode: 0, oomKilled: true })).toBe('succeeded')
    expect(endingOf({ kind: 'exited', exitCode: 3 })).toBe('failed')
    expect(endingOf({ kind: 'startFailed', code: 'pull-failed', message: '', retryable: true })).toBe('failed')
    expect(endingOf({ kind: 'startFailed', code: 'no-such-image', message: '', retryable: false })).toBe('fatal')
  })
})

describe('the back-off', () => {
  const defaults = resolveRestart({ policy: 'always' })

  test('doubles from 500 ms up to 60 s', () => {
    const almostOne = 1 - 2 ** -53
    const bounds = [0, 1, 2, 6, 7, 50].map((restarts) => Math.ceil(backOffMs(defaults, restarts, almostOne)) + 1)
    expect(bounds).toEqual([500, 1_000, 2_000, 32_000, 60_000, 60_000])
  })

  test('is whole, within its bounds, and safe from overflow', () => {
    const policy = fc.record({
      policy: fc.constant('always' as const),
      backOffMs: fc.integer({ min: 0, max: modelLimits.durationMsMax }),
      backOffMaxMs: fc.integer({ min: 0, max: modelLimits.durationMsMax }),
    })
    const roll = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    const restarts = fc.oneof(
      fc.integer({ min: 0, max: 40 }),
      fc.constantFrom(1_024, 1_000_000, Number.MAX_SAFE_INTEGER),
    )
    fc.assert(
      fc.property(policy, restarts, roll, (restart, count, chance) => {
        const delayMs = backOffMs(resolveRestart(restart), count, chance)
        expect(Number.isInteger(delayMs)).toBe(true)
        expect(delayMs).toBeGreaterThanOrEqual(0)
        expect(delayMs).toBeLessThanOrEqual(restart.backOffMaxMs)
        if (count < 20) expect(delayMs).toBeLessThanOrEqual(restart.backOffMs * 2 ** count)
      }),
    )
  })

  test('has full jitter: it spreads from 0 to its bound', () => {
    expect([0, 0.25, 0.5, 0.75].map((roll) => backOffMs(defaults, 1, roll))).toEqual([0, 250, 500, 750])
  })

  test('of a move elsewhere comes from the upper half, so that none is shorter than the one before it', () => {
    expect([0, 0.25, 0.5, 0.75].map((roll) => moveDelayMs(defaults, 1, roll))).toEqual([500, 625, 750, 875])
    const almostOne = 1 - 2 ** -53
    for (const restarts of [0, 1, 2, 5]) {
      expect(moveDelayMs(defaults, restarts + 1, 0)).toBeGreaterThanOrEqual(moveDelayMs(defaults, restarts, almostOne))
    }
    expect([7, 50, Number.MAX_SAFE_INTEGER].map((restarts) => moveDelayMs(defaults, restarts, 0))).toEqual([
      30_000, 30_000, 30_000,
    ])
    expect(moveDelayMs(resolveRestart({ policy: 'always', backOffMs: 0 }), 5_000, 0.9)).toBe(0)
  })

  test('a first delay over the default cap lifts the cap', () => {
    expect(resolveRestart({ policy: 'always', backOffMs: 90_000 }).backOffMaxMs).toBe(90_000)
    expect(backOffMs(resolveRestart({ policy: 'always', backOffMs: 0 }), 5_000, 0.9)).toBe(0)
  })
})

describe('resolvePolicies', () => {
  const spec: TaskSpec = { driver: 'docker', image: 'busybox' }

  test('defaults', () => {
    expect(resolvePolicies(spec)).toEqual({
      restart: { policy: 'never', backOffMs: 500, backOffMaxMs: 60_000, sameNode: 2, windowMs: 1_800_000 },
      disconnect: { lostAfterMs: 300_000, replace: false },
      limits: { stopGraceMs: 10_000 },
    })
  })

  test('a task that may run again may be replaced, and is then stopped in time', () => {
    for (const policy of ['on-failure', 'always'] as const) {
      expect(resolvePolicies({ ...spec, restart: { policy } }).disconnect).toEqual({
        lostAfterMs: 300_000,
        stopAfterMs: 240_000,
        replace: true,
      })
    }
    const kept = resolvePolicies({ ...spec, restart: { policy: 'always' }, disconnect: { replace: false } })
    expect(kept.disconnect).toEqual({ lostAfterMs: 300_000, replace: false })
  })

  test('what the user says holds', () => {
    const said: TaskSpec = {
      ...spec,
      restart: { policy: 'on-failure', max: 4, backOffMs: 1, backOffMaxMs: 2, sameNode: 0, windowMs: 3 },
      disconnect: { lostAfterMs: 9_000_000, stopAfterMs: 7, replace: true },
      stopGraceMs: 0,
      timeoutMs: 5,
      waitTimeoutMs: 6,
    }
    expect(resolvePolicies(said)).toEqual({
      restart: said.restart,
      disconnect: said.disconnect,
      limits: { stopGraceMs: 0, timeoutMs: 5, waitTimeoutMs: 6 },
    })
  })

  test('a long grace lifts the default of lostAfterMs, so that it is not refused', () => {
    const patient: TaskSpec = { ...spec, restart: { policy: 'always' }, stopGraceMs: 600_000 }
    expect(resolvePolicies(patient).disconnect.lostAfterMs).toBe(845_001)
    expect(checkSpec(patient)).toBeUndefined()
    expect(resolvePolicies({ ...spec, stopGraceMs: 600_000 }).disconnect.lostAfterMs).toBe(300_000)
  })
})

describe('checkSpec', () => {
  const docker: TaskSpec = { driver: 'docker', image: 'busybox' }
  const process: TaskSpec = { driver: 'process', command: ['true'] }

  test.each<[string, TaskSpec]>([
    ['the least', docker],
    ['the least', process],
    [
      'all of docker',
      { ...docker, pull: 'never', workdir: '/w', init: false, mounts: [{ source: '/a', target: '/b' }] },
    ],
    ['a relative workdir of a process', { ...process, workdir: 'here' }],
    ['constraints', { ...docker, constraints: ['zone=a', 'node!=east', 'x='] }],
    ['labels', { ...docker, labels: { troupe: 'a', 'my.troupe.x': '' } }],
    ['no restart at most', { ...docker, restart: { policy: 'never', max: 0 } }],
    ['exactly within', { ...docker, disconnect: { replace: true, stopAfterMs: 284_999 } }],
    ['not replaced', { ...docker, disconnect: { lostAfterMs: 1, stopAfterMs: 2 } }],
  ])('accepts %s', (_name, spec) => {
    expect(Check(TaskSpec, spec)).toBe(true)
    expect(checkSpec(spec)).toBeUndefined()
  })

  const mount = { source: '/a', target: '/b' }
  const many = (letter: string, count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`${letter}${at}`, '']))
  test.each<[TaskSpec, string]>([
    [{ driver: 'docker' }, 'A docker task needs an image: set image, such as busybox:1.36.'],
    [{ ...docker, workdir: 'w' }, 'The workdir of a docker task must be absolute, and w is not: begin it with /.'],
    [{ driver: 'process' }, 'A process task needs a command: its program first, then its arguments.'],
    [{ driver: 'process', command: [] }, 'A process task needs a command: its program first, then its arguments.'],
    [{ driver: 'process', command: [''] }, 'A process task needs a command: its program first, then its arguments.'],
    ...(
      [
        { image: 'x' },
        { pull: 'never' },
        { entrypoint: [] },
        { network: 'host' },
        { pidsLimit: 1 },
        { mounts: [] },
        { tmpfs: [] },
        { readOnly: true },
        { init: false },
      ] satisfies Partial<TaskSpec>[]
    ).map((field): [TaskSpec, string] => [
      { ...process, ...field },
      `A process task takes no ${Object.keys(field)[0]}: leave it out, or set driver to docker.`,
    ]),
    [
      { ...docker, env: { 'A=B': 'c' } },
      'The name of an environment variable has no =, and A=… has one: write the value apart from it.',
    ],
    [
      { ...docker, secretEnv: { 'A=hunter2': '' } },
      'The name of an environment variable has no =, and A=… has one: write the value apart from it.',
    ],
    [
      { ...docker, secretEnv: { TROUPE_ATTEMPT: 'b' } },
      "The variable TROUPE_ATTEMPT is Troupe's own, which each attempt is given: use another name.",
    ],
    [
      { ...docker, env: { A: 'b', B: 'c' }, secretEnv: { B: 'hunter2' } },
      'The variable B stands in env and in secretEnv: keep one of them.',
    ],
    [{ ...docker, secretEnv: { A: '***' } }, 'The secret A is ***, as secrets are shown: give its value.'],
    [
      { ...docker, secretEnv: { A: 'b\0' } },
      'The secretEnv holds a NUL character, which no program can be given: remove it.',
    ],
    [
      { ...docker, env: many('E', 600), secretEnv: many('S', 600) },
      'There are 1200 variables, with the secret ones, and may be 1024: put what is many into a file.',
    ],
    [
      { ...docker, env: { TROUPE_NODE: 'b' } },
      "The variable TROUPE_NODE is Troupe's own, which each attempt is given: use another name.",
    ],
    [{ ...docker, env: { A: 'b\0' } }, 'The env holds a NUL character, which no program can be given: remove it.'],
    [{ ...process, command: ['a\0'] }, 'The command holds a NUL character, which no program can be given: remove it.'],
    [
      { ...docker, labels: { 'troupe.task': 'x' } },
      "The label troupe.task is refused: those that begin with troupe. are Troupe's own.",
    ],
    [{ ...docker, labels: { '': 'x' } }, "The label '' is refused: its name needs a character, and no =, ! or space."],
    [
      { ...docker, constraints: ['zone=a', 'zone==a'] },
      "The constraint 'zone==a' is neither label=value nor label!=value: write it as one of them.",
    ],
    [{ ...docker, mounts: [mount, mount] }, 'Two mounts have the target /b: give each its own.'],
    [
      { ...docker, mounts: [mount], tmpfs: [{ target: '/c/.././b/' }] },
      'Two mounts have the target /b: give each its own.',
    ],
    [
      { ...docker, tmpfs: [{ target: '//' }] },
      "A mount cannot have the target /, the container's own files: name a folder below it.",
    ],
    [
      { ...docker, restart: { policy: 'never', max: 3 } },
      'restart.max means nothing with the policy never: set restart.policy to on-failure or always.',
    ],
    [
      { ...docker, restart: { policy: 'always', backOffMs: 10, backOffMaxMs: 5 } },
      'restart.backOffMs (10) is more than its cap, restart.backOffMaxMs (5): raise the cap.',
    ],
    [
      { ...docker, restart: { policy: 'always' }, disconnect: { lostAfterMs: 60_000 } },
      'A task that may be replaced needs disconnect.stopAfterMs (240000) + stopGraceMs (10000) + a margin of 5000 < disconnect.lostAfterMs (60000): set stopAfterMs to 44999 or less, or set disconnect.replace to false.',
    ],
    [
      { ...docker, disconnect: { replace: true, lostAfterMs: 300_000, stopAfterMs: 285_000 } },
      'A task that may be replaced needs disconnect.stopAfterMs (285000) + stopGraceMs (10000) + a margin of 5000 < disconnect.lostAfterMs (300000): set stopAfterMs to 284999 or less, or set disconnect.replace to false.',
    ],
    [
      { ...docker, disconnect: { replace: true, lostAfterMs: 10_000 } },
      'A task that may be replaced needs disconnect.stopAfterMs (240000) + stopGraceMs (10000) + a margin of 5000 < disconnect.lostAfterMs (10000): raise lostAfterMs or lower stopGraceMs, or set disconnect.replace to false.',
    ],
  ])('refuses %j', (spec, sentence) => {
    expect(Check(TaskSpec, spec)).toBe(true)
    expect(checkSpec(spec)).toBe(sentence)
  })

  test('what passes always has its old attempt ended before it is given up', () => {
    const ms = fc.integer({ min: 0, max: modelLimits.durationMsMax })
    const disconnect = fc.record({ replace: fc.boolean(), lostAfterMs: ms, stopAfterMs: ms }, { requiredKeys: [] })
    const restart = fc.record({ policy: fc.constantFrom('never', 'on-failure', 'always') })
    const specs = fc.record({ disconnect, restart, stopGraceMs: ms }, { requiredKeys: [] })
    fc.assert(
      fc.property(specs, (changes) => {
        const spec = { ...docker, ...changes } as TaskSpec
        const { disconnect: resolved, limits } = resolvePolicies(spec)
        expect(resolved.lostAfterMs).toBeLessThanOrEqual(modelLimits.durationMsMax)
        if (checkSpec(spec) !== undefined || !resolved.replace) return
        expect((resolved.stopAfterMs as number) + limits.stopGraceMs + 5_000).toBeLessThan(resolved.lostAfterMs)
      }),
    )
  })
})
