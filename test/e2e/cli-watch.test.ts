/** The verbs that go on: `status --watch` and `events`, against a real manager that is restarted under them. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Io } from '../../runtime/cli/io.ts'
import { runCli } from '../../runtime/cli/program.ts'
import { createClientTransport } from '../../runtime/connect.ts'
import { systemClock, systemRandom } from '../../runtime/system.ts'
import { Cluster, type Program, until } from './cluster.ts'

let cluster: Cluster
let manager: Program

beforeAll(async () => {
  cluster = await Cluster.open()
  manager = cluster.startManager()
  await cluster.startWorker('here', '--driver', 'process', '--cpus', '4', '--memory', '1g')
  await cluster.ready(1)
}, 60_000)
afterAll(() => cluster.close())

async function restartManager(): Promise<void> {
  await manager.kill('SIGKILL')
  manager = cluster.startManager()
  await cluster.ready(1)
}

const submit = async (id: string, script: string, ...flags: string[]) => {
  const { code } = await cluster.troupe(
    'run',
    '-d',
    '--id',
    id,
    '--driver',
    'process',
    ...flags,
    '--',
    'sh',
    '-c',
    script,
  )
  expect(code).toBe(0)
}

const ended = (...ids: string[]) => cluster.troupe('wait', ...ids)
const linesOf = ({ stdout }: { stdout: string }) => stdout.split('\n').filter((line) => line !== '')
const printed = (what: string, program: { stdout: string }, part: string) =>
  until(`${what} to print "${part}"`, async () => (program.stdout.includes(part) ? true : undefined))

interface EventLine {
  readonly revision: number
  readonly taskId: string
  readonly to: string
  readonly at: string
  readonly node: string | null
  readonly position?: string
}
const eventsOf = (program: { stdout: string }): EventLine[] =>
  linesOf(program).map((line) => JSON.parse(line) as EventLine)

describe('status --watch', () => {
  test('in a pipe prints a line for each change, goes on with the next manager, and ends when interrupted', async () => {
    await submit('w-before', 'exit 0')
    await ended('w-before')
    const watch = cluster.start('status', '--watch', '--label', 'watched=yes')
    const everything = cluster.start('status', '-w', 'w-before')
    await printed('a watch', everything, 'w-before Completed: exit 0')
    await submit('w-one', 'sleep 1; exit 3', '--label', 'watched=yes')
    await submit('w-other', 'exit 0')
    await ended('w-one', 'w-other')
    await printed('a watch', watch, 'w-one Failed: exit 3')
    await restartManager()
    await submit('w-two', 'exit 0', '--label', 'watched=yes')
    await ended('w-two')
    await printed('a watch', watch, 'w-two Completed: exit 0')
    const { code, stdout, stderr } = await watch.kill('SIGINT')
    expect(code).toBe(0)
    expect(stdout).not.toContain('w-other')
    expect(stdout).not.toContain('w-before')
    expect(stdout.split('w-one Failed')).toHaveLength(2)
    expect(stdout.split('w-two Completed')).toHaveLength(2)
    expect(stderr).toContain('connected again')
    expect((await everything.kill('SIGINT')).stdout).toBe('w-before Completed: exit 0\n')
  })

  test('--json prints one object in a line, and says what does not fit any more', async () => {
    const watch = cluster.start('status', '--watch', '--json', '--state', 'running')
    const go = join(cluster.dir, 'go')
    await submit('j-one', `until [ -e ${go} ]; do sleep 0.1; done`)
    await printed('a watch', watch, '"state":"Running"')
    await writeFile(go, '')
    await ended('j-one')
    await printed('a watch', watch, '{"id":"j-one","removed":true}')
    const told = linesOf(watch).map((line) => JSON.parse(line) as { id: string; state?: string; removed?: boolean })
    const mine = told.filter(({ id }) => id === 'j-one')
    expect(mine.map(({ state, removed }) => state ?? removed)).toEqual(['Running', true])
    await watch.kill('SIGTERM')
  })

  test('on a terminal draws the table anew, as high as the terminal is', async () => {
    const stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 6 })
    let screen = ''
    stdout.setEncoding('utf8').on('data', (text: string) => {
      screen += text
    })
    let interrupt = () => {}
    const io: Io = {
      env: cluster.env,
      cwd: cluster.dir,
      stdin: Readable.from([]),
      stdout,
      stderr: new PassThrough(),
      clock: systemClock,
      random: systemRandom,
      onSignal: (name, handler) => {
        if (name === 'SIGINT') interrupt = handler
        return () => {}
      },
      loadTransport: async () => createClientTransport(),
      loadRoots: () => Promise.reject(new Error('not for this')),
    }
    const exit = runCli(['status', '--watch'], io)
    const drawn = () => screen.split('\u001b[H').slice(1)
    const last = () => (drawn().at(-1) ?? '').replaceAll('\u001b[K', '').replaceAll('\u001b[J', '')
    await until('the first table', async () => (last().startsWith('ID') ? true : undefined))
    await submit('t-one', 'exit 0')
    await ended('t-one')
    await until('the new row', async () => (/^t-one .*Completed.*exit 0$/m.test(last()) ? true : undefined))
    expect(last().trimEnd().split('\n')).toHaveLength(5)
    expect(last()).toMatch(/… and \d+ more/)
    interrupt()
    expect(await exit).toBe(0)
  })
})

describe('events', () => {
  test('prints what is recorded, for people and as JSON, and goes on strictly after a position', async () => {
    await submit('e-one', 'exit 4')
    await ended('e-one')
    const plain = await cluster.troupe('events', 'e-one')
    expect(plain.code).toBe(0)
    expect(linesOf(plain).at(0)).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z {2}e-one {2}Pending\.Queued {2}Created$/)
    expect(linesOf(plain).at(-1)).toMatch(/Failed {2}Exited \(exit 4\) {2}attempt 1$/)
    const json = eventsOf(await cluster.troupe('events', '--json', 'e-one'))
    expect(json.map(({ taskId }) => taskId)).toEqual(json.map(() => 'e-one'))
    expect(json.at(-1)).toMatchObject({
      to: 'Failed',
      node: 'here',
      attempt: 1,
      event: { type: 'Exited', exitCode: 4 },
    })
    const position = json.at(-1)?.position as string
    expect(position).toMatch(/^\w+:\d+$/)
    expect((await cluster.troupe('events', '--json', '--from', position)).stdout).toBe('')
    await submit('e-two', 'exit 0')
    await ended('e-two')
    const later = eventsOf(await cluster.troupe('events', '--json', '--from', position))
    expect(later.map(({ taskId }) => taskId)).toEqual(later.map(() => 'e-two'))
    expect(later.at(-1)?.to).toBe('Completed')
  })

  test('-f goes on, also with the next manager, and tells each transition once and in order', async () => {
    await submit('f-one', 'exit 0')
    await ended('f-one')
    const all = cluster.start('events', '-f', '--json', '--name', 'followed')
    const now = cluster.start('events', '-f', '--from', 'now', '--state', 'completed')
    await submit('f-two', 'sleep 0.5', '--name', 'followed')
    await ended('f-two')
    let probes = 0
    await until('the second follower to be there', async () => {
      probes += 1
      await submit(`f-probe-${probes}`, 'exit 0')
      await ended(`f-probe-${probes}`)
      return now.stdout === '' ? undefined : true
    })
    await printed('the follower', all, 'Completed')
    await restartManager()
    await submit('f-three', 'exit 0', '--name', 'followed')
    await ended('f-three')
    await printed('the follower', now, 'f-three')
    await until('the last event', async () =>
      eventsOf(all).at(-1)?.taskId === 'f-three' && eventsOf(all).at(-1)?.to === 'Completed' ? true : undefined,
    )
    const told = eventsOf(all)
    expect([...new Set(told.map(({ taskId }) => taskId))]).toEqual(['f-two', 'f-three'])
    const revisions = told.map(({ revision }) => revision)
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b))
    const recorded = eventsOf(await cluster.troupe('events', '--json', 'f-two', 'f-three'))
    expect(told.map(({ taskId, revision, to }) => [taskId, revision, to])).toEqual(
      recorded.map(({ taskId, revision, to }) => [taskId, revision, to]),
    )
    expect(linesOf(now).every((line) => /Completed/.test(line))).toBe(true)
    expect((await all.kill('SIGINT')).code).toBe(0)
    await now.kill('SIGINT')
  })

  test('says what is wrong with what it is asked for', async () => {
    const wrong = await Promise.all([
      cluster.troupe('events', '--from', 'now'),
      cluster.troupe('events', '--from', 'yesterday'),
      cluster.troupe('events', '--state', 'walking'),
      cluster.troupe('events', 'no-such-task'),
      cluster.troupe('status', '--label', 'no-value'),
    ])
    expect(wrong.map(({ code }) => code)).toEqual([2, 2, 2, 3, 2])
    expect(wrong[1]?.stderr).toContain('write now, or LOG:REVISION')
    expect(wrong[2]?.stderr).toContain('there are Pending, Scheduled, Running, Completed, Failed')
    const other = await cluster.troupe('events', '--json', '--from', 'other:1')
    expect(other.stderr).toContain('events may be missing: that position is of another log')
    expect(other.code).toBe(0)
  })
})
