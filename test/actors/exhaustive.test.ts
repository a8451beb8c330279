/**
 * The tables of the machines, written by hand from the design: every state against every event. A change in a machine must
 * change its table here. A cell is the state that follows, `=` when the state stays and something is recorded or asked for,
 * or `·` when the event is refused: nothing changes, and nothing is asked for.
 */
import { describe, expect, test } from 'vitest'
import type { AnyMachineSnapshot } from 'xstate'
import { initialStep, pathOf, step } from '../../actors/step.ts'
import {
  attemptInput,
  attemptSubject,
  healthy,
  nodeSubject,
  placed,
  registration,
  type Stamped,
  type Subject,
  sessionSubject,
  stamped,
  started,
  subjects,
  taskInput,
  taskSubject,
  unhealthy,
} from './machine-subjects.ts'

interface Column {
  /** The path of the state that it stands for. */
  readonly path: string
  readonly via: readonly Stamped[]
}

interface Table {
  readonly subject: Subject
  readonly input: unknown
  readonly columns: Readonly<Record<string, Column>>
  readonly rows: Readonly<Record<string, Stamped>>
  /** A header of column names, then a line for each row: `name | cells`. */
  readonly text: string
}

function reach(table: Table, { via }: Column): AnyMachineSnapshot {
  const { machine } = table.subject
  return via.reduce(
    (snapshot, event) => step(machine, snapshot, event).snapshot,
    initialStep(machine, table.input).snapshot,
  )
}

function cellOf(table: Table, from: AnyMachineSnapshot, event: Stamped): string {
  const { snapshot, changed } = step(table.subject.machine, from, event)
  if (!changed) return '·'
  const path = pathOf(snapshot.value)
  if (path === pathOf(from.value)) return '='
  const named = Object.entries(table.columns).find(([, column]) => column.path === path)
  return named?.[0] ?? path
}

const wordsOf = (line: string): string[] => line.split(/[\s|]+/).filter((word) => word !== '' && !/^-+$/.test(word))

function parse(text: string): { header: string[]; lines: string[][] } {
  const [header = [], ...lines] = text.trim().split('\n').map(wordsOf)
  return { header, lines }
}

const stop = stamped({ type: 'Stop' })
const unreachable = stamped({ type: 'NodeUnreachable' })
const becomesWell = stamped({ type: 'HealthChanged', health: healthy })
const becomesUnhealthy = stamped({ type: 'HealthChanged', health: unhealthy })
const exited = (exitCode: number) => stamped({ type: 'Exited', exitCode })
const startFailed = (retryable: boolean) => stamped({ type: 'StartFailed', code: 'c', message: 'm', retryable })

/** PQ = Pending.Queued and so on; `Sus` is Unreachable while it is to be stopped, and so is `Rus`; `Rh` is Running.Unhealthy. */
const task: Table = {
  subject: taskSubject,
  input: taskInput({
    restart: { policy: 'on-failure', max: 5 },
    disconnect: { replace: false },
    health: { kind: 'tcp', port: 80 },
  }),
  columns: {
    Pq: { path: 'Pending.Queued', via: [] },
    Pb: { path: 'Pending.BackingOff', via: [placed, exited(3)] },
    Ss: { path: 'Scheduled.Starting', via: [placed] },
    Sp: { path: 'Scheduled.Pulling', via: [placed, stamped({ type: 'Pulling' })] },
    Su: { path: 'Scheduled.Unreachable', via: [placed, unreachable] },
    Sx: { path: 'Scheduled.Stopping', via: [placed, stop] },
    Sus: { path: 'Scheduled.Unreachable', via: [placed, unreachable, stop] },
    Rc: { path: 'Running.Checking', via: [placed, started] },
    R: { path: 'Running.Up', via: [placed, started, becomesWell] },
    Rh: { path: 'Running.Unhealthy', via: [placed, started, becomesUnhealthy] },
    Rcu: { path: 'Running.Unreachable', via: [placed, started, unreachable] },
    Ru: { path: 'Running.Unreachable', via: [placed, started, becomesWell, unreachable] },
    Rhu: { path: 'Running.Unreachable', via: [placed, started, becomesUnhealthy, unreachable] },
    Rx: { path: 'Running.Stopping', via: [placed, started, stop] },
    Rus: { path: 'Running.Unreachable', via: [placed, started, stop, unreachable] },
    C: { path: 'Completed', via: [placed, started, exited(0)] },
    F: { path: 'Failed', via: [placed, startFailed(false)] },
  },
  rows: {
    Placed: placed,
    Unplaceable: stamped({ type: 'Unplaceable', why: 'no node' }),
    PlacementExpired: stamped({ type: 'PlacementExpired' }),
    BackOffElapsed: stamped({ type: 'BackOffElapsed' }),
    Pulling: stamped({ type: 'Pulling' }),
    Started: started,
    'StartFailed:again': startFailed(true),
    'StartFailed:final': startFailed(false),
    'Exited:0': exited(0),
    'Exited:3': exited(3),
    Lost: stamped({ type: 'Lost' }),
    Stop: stop,
    'Stop:kill': stamped({ type: 'Stop', graceMs: 0 }),
    TimedOut: stamped({ type: 'TimedOut' }),
    'HealthChanged:well': becomesWell,
    'HealthChanged:ill': becomesUnhealthy,
    Unhealthy: stamped({ type: 'Unhealthy', health: { ...unhealthy, state: 'failed' } }),
    Drain: stamped({ type: 'Drain' }),
    'Drain:over': stamped({ type: 'Drain', isOver: true }),
    NodeUnreachable: unreachable,
    NodeReturned: stamped({ type: 'NodeReturned' }),
    Recovered: stamped({ type: 'Recovered' }),
  },
  text: `
                        Pq  Pb  Ss  Sp  Su  Sx  Sus Rc  R   Rh  Rcu Ru  Rhu Rx  Rus C   F
    Placed             | Ss  ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·
    Unplaceable        | =   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·
    PlacementExpired   | F   F   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·
    BackOffElapsed     | ·   Pq  ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·
    Pulling            | ·   ·   Sp  ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·
    Started            | ·   ·   Rc  Rc  Rc  Rx  Rx  ·   ·   ·   ·   ·   ·   ·   ·   ·   ·
    StartFailed:again  | ·   ·   Pb  Pb  Pb  C   C   Pb  Pb  Pb  Pb  Pb  Pb  C   C   ·   ·
    StartFailed:final  | ·   ·   F   F   F   C   C   F   F   F   F   F   F   C   C   ·   ·
    Exited:0           | ·   ·   C   C   C   C   C   C   C   C   C   C   C   C   C   ·   ·
    Exited:3           | ·   ·   Pb  Pb  Pb  C   C   Pb  Pb  Pb  Pb  Pb  Pb  C   C   ·   ·
    Lost               | ·   ·   F   F   F   C   C   F   F   F   F   F   F   C   C   ·   ·
    Stop               | C   C   Sx  Sx  =   ·   ·   Rx  Rx  Rx  =   =   =   ·   ·   ·   ·
    Stop:kill          | C   C   Sx  Sx  =   =   =   Rx  Rx  Rx  =   =   =   =   =   ·   ·
    TimedOut           | ·   ·   Sx  Sx  =   ·   ·   Rx  Rx  Rx  =   =   =   ·   ·   ·   ·
    HealthChanged:well | ·   ·   ·   ·   ·   ·   ·   R   =   R   =   =   =   ·   =   ·   ·
    HealthChanged:ill  | ·   ·   ·   ·   ·   ·   ·   Rh  Rh  =   =   =   =   ·   =   ·   ·
    Unhealthy          | ·   ·   Sx  Sx  =   ·   ·   Rx  Rx  Rx  =   =   =   ·   ·   ·   ·
    Drain              | ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·   ·
    Drain:over         | ·   ·   Sx  Sx  =   ·   ·   Rx  Rx  Rx  =   =   =   ·   ·   ·   ·
    NodeUnreachable    | ·   ·   Su  Su  =   Su  =   Rcu Rcu Rcu =   =   =   Rcu =   ·   ·
    NodeReturned       | ·   ·   ·   ·   Ss  ·   Sx  ·   ·   ·   Rc  R   Rh  ·   Rx  ·   ·
    Recovered          | ·   ·   ·   ·   =   ·   =   ·   ·   ·   =   =   =   ·   =   ·   ·`,
}

const at = { occurredAtMs: 5 }
const absent = stamped({ type: 'Absent' })
const acknowledged = stamped({ type: 'Acknowledged' })
const attemptExited = stamped({ type: 'Exited', exitCode: 0, ...at })
const attemptStop = stamped({ type: 'Stop', graceMs: 10_000 })
const attemptStarted = stamped({ type: 'Started', ...at })

const attempt: Table = {
  subject: attemptSubject,
  input: attemptInput(),
  columns: {
    S: { path: 'Starting', via: [] },
    P: { path: 'Pulling', via: [stamped({ type: 'Pulling', ...at })] },
    R: { path: 'Running', via: [attemptStarted] },
    X: { path: 'Stopping', via: [attemptStop] },
    Xstarted: { path: 'Stopping', via: [attemptStarted, attemptStop] },
    Xabsent: { path: 'Stopping', via: [absent] },
    E: { path: 'Ended', via: [attemptExited] },
    Eknown: { path: 'Ended', via: [attemptExited, acknowledged] },
    Eabsent: { path: 'Ended', via: [attemptExited, absent] },
    V: { path: 'Removing', via: [attemptExited, acknowledged, absent] },
    D: { path: 'Removed', via: [attemptExited, acknowledged, absent, stamped({ type: 'Removed' })] },
  },
  rows: {
    Pulling: stamped({ type: 'Pulling', ...at }),
    Started: attemptStarted,
    Exited: attemptExited,
    StartFailed: stamped({ type: 'StartFailed', code: 'c', message: 'm', retryable: true, ...at }),
    Lost: stamped({ type: 'Lost', message: 'm', ...at }),
    HealthChanged: becomesWell,
    Stop: attemptStop,
    'Stop:kill': stamped({ type: 'Stop', graceMs: 0 }),
    Acknowledged: acknowledged,
    Absent: absent,
    Removed: stamped({ type: 'Removed' }),
    Recovered: stamped({ type: 'Recovered' }),
  },
  text: `
                   S   P   R   X   Xstarted Xabsent E   Eknown Eabsent V   D
    Pulling      | P   ·   ·   ·   ·        ·       ·   ·      ·       ·   ·
    Started      | R   R   ·   =   ·        =       ·   ·      ·       ·   ·
    Exited       | E   E   E   E   E        E       ·   ·      ·       ·   ·
    StartFailed  | E   E   E   E   E        E       ·   ·      ·       ·   ·
    Lost         | E   E   E   E   E        E       ·   ·      ·       ·   ·
    HealthChanged| ·   ·   =   ·   ·        ·       ·   ·      ·       ·   ·
    Stop         | X   X   X   ·   ·        ·       ·   ·      ·       ·   ·
    Stop:kill    | X   X   X   =   =        =       ·   ·      ·       ·   ·
    Acknowledged | ·   ·   ·   ·   ·        ·       =   ·      V       ·   ·
    Absent       | X   X   X   =   =        ·       =   V      ·       ·   ·
    Removed      | ·   ·   ·   ·   ·        ·       ·   ·      ·       D   ·
    Recovered    | =   =   ·   =   =        =       ·   ·      ·       =   ·`,
}

const drain = stamped({ type: 'Drain' })
const registered = stamped({ type: 'Registered', registration })
const late = stamped({ type: 'HeartbeatLate' })
const expired = stamped({ type: 'LeaseExpired' })

const node: Table = {
  subject: nodeSubject,
  input: { registration },
  columns: {
    U: { path: 'Liveness.Unknown+Admission.Open', via: [] },
    R: { path: 'Liveness.Ready+Admission.Open', via: [registered] },
    S: { path: 'Liveness.Suspect+Admission.Open', via: [registered, late] },
    D: { path: 'Liveness.Down+Admission.Open', via: [expired] },
    Ud: { path: 'Liveness.Unknown+Admission.Draining', via: [drain] },
    Rd: { path: 'Liveness.Ready+Admission.Draining', via: [registered, drain] },
    Sd: { path: 'Liveness.Suspect+Admission.Draining', via: [registered, drain, late] },
    Dd: { path: 'Liveness.Down+Admission.Draining', via: [drain, expired] },
  },
  rows: {
    Registered: registered,
    DriversChanged: stamped({ type: 'DriversChanged', drivers: { process: 'unavailable' } }),
    HeartbeatLate: late,
    HeardFrom: stamped({ type: 'HeardFrom' }),
    LeaseExpired: expired,
    Drain: drain,
    'Drain:deadline': stamped({ type: 'Drain', deadlineMs: 60_000 }),
    DrainExpired: stamped({ type: 'DrainExpired' }),
    Undrain: stamped({ type: 'Undrain' }),
    Recovered: stamped({ type: 'Recovered' }),
  },
  text: `
                     U   R   S   D   Ud  Rd  Sd  Dd
    Registered     | R   =   R   R   Rd  =   Rd  Rd
    DriversChanged | =   =   =   =   =   =   =   =
    HeartbeatLate  | ·   S   ·   ·   ·   Sd  ·   ·
    HeardFrom      | ·   ·   R   ·   ·   ·   Rd  ·
    LeaseExpired   | D   D   D   ·   Dd  Dd  Dd  ·
    Drain          | Ud  Rd  Sd  Dd  ·   ·   ·   ·
    Drain:deadline | Ud  Rd  Sd  Dd  =   =   =   =
    DrainExpired   | ·   ·   ·   ·   =   =   =   =
    Undrain        | ·   ·   ·   ·   U   R   S   D
    Recovered      | ·   U   U   U   ·   Ud  Ud  Ud`,
}

const open = stamped({ type: 'Open' })
const connected = stamped({ type: 'Connected' })
const welcomed = stamped({ type: 'Welcomed', sessionId: 's', epoch: 1, heartbeatMs: 1, leaseMs: 5 })
const refused = (retryable: boolean) => stamped({ type: 'Refused', reason: 'r', retryable })
const dialFailed = stamped({ type: 'DialFailed', reason: 'r' })

const session: Table = {
  subject: sessionSubject,
  input: undefined,
  columns: {
    I: { path: 'Idle', via: [] },
    C: { path: 'Connecting', via: [open] },
    G: { path: 'Greeting', via: [open, connected] },
    E: { path: 'Established', via: [open, connected, welcomed] },
    B: { path: 'BackingOff', via: [open, dialFailed] },
    R: { path: 'Rejected', via: [open, connected, refused(false)] },
  },
  rows: {
    Open: open,
    Connected: connected,
    DialFailed: dialFailed,
    Welcomed: welcomed,
    'Refused:again': refused(true),
    'Refused:final': refused(false),
    GreetingExpired: stamped({ type: 'GreetingExpired' }),
    Closed: stamped({ type: 'Closed', reason: 'r' }),
    BackOffElapsed: stamped({ type: 'BackOffElapsed' }),
    Close: stamped({ type: 'Close' }),
  },
  text: `
                      I   C   G   E   B   R
    Open            | C   ·   ·   ·   ·   ·
    Connected       | ·   G   ·   ·   ·   ·
    DialFailed      | ·   B   ·   ·   ·   ·
    Welcomed        | ·   ·   E   ·   ·   ·
    Refused:again   | ·   ·   B   ·   ·   ·
    Refused:final   | ·   ·   R   ·   ·   ·
    GreetingExpired | ·   ·   B   ·   ·   ·
    Closed          | ·   ·   B   B   ·   ·
    BackOffElapsed  | ·   ·   ·   ·   C   ·
    Close           | =   I   I   I   I   I`,
}

const start = stamped({ type: 'Start' })
const loaded = stamped({ type: 'Loaded' })
const fail = stamped({ type: 'Fail', reason: 'r' })
const drained = stamped({ type: 'Drained' })

const lives: Table[] = subjects
  .filter(({ name }) => name === 'manager' || name === 'worker')
  .map((subject) => ({
    subject,
    input: undefined,
    columns: {
      I: { path: 'Idle', via: [] },
      R: { path: 'Recovering', via: [start] },
      S: { path: 'Serving', via: [start, loaded] },
      X: { path: 'Stopping', via: [start, stop] },
      D: { path: 'Stopped', via: [start, stop, drained] },
      F: { path: 'Failed', via: [start, fail] },
    },
    rows: { Start: start, Loaded: loaded, Stop: stop, Drained: drained, Fail: fail },
    text: `
                I   R   S   X   D   F
      Start   | R   ·   ·   ·   ·   ·
      Loaded  | ·   S   ·   ·   ·   ·
      Stop    | ·   X   X   ·   ·   ·
      Drained | ·   ·   ·   D   ·   ·
      Fail    | ·   F   F   F   ·   ·`,
  }))

describe.each([task, attempt, node, session, ...lives])('the table of $subject.name', (table) => {
  const { header, lines } = parse(table.text)

  test('has a column for every state and a row for every event', () => {
    expect(header).toEqual(Object.keys(table.columns))
    expect(lines.map(([name]) => name)).toEqual(Object.keys(table.rows))
    expect([...new Set(Object.values(table.rows).map(({ type }) => type))].sort()).toEqual(
      [...table.subject.eventTypes].sort(),
    )
  })

  test.each(Object.entries(table.columns))('%s is where it says', (_, column) => {
    expect(pathOf(reach(table, column).value)).toBe(column.path)
  })

  test.each(lines)('%s', (name, ...cells) => {
    const event = table.rows[name as string] as Stamped
    const found = Object.values(table.columns).map((column) => cellOf(table, reach(table, column), event))
    const expected = Object.fromEntries(header.map((column, index) => [column, cells[index]]))
    expect(Object.fromEntries(header.map((column, index) => [column, found[index]]))).toEqual(expected)
  })
})

test('the tables cover every leaf of every machine but those that are only passed through', () => {
  for (const { subject, columns } of [task, attempt, node, session, ...lives]) {
    const leaves = (node: AnyMachineSnapshot['machine']['root']): string[] =>
      node.type === 'atomic' || node.type === 'final'
        ? (node.always?.length ?? 0) > 0
          ? []
          : [node.path.join('.')]
        : Object.values(node.states).flatMap(leaves as never)
    const covered = new Set(Object.values(columns).flatMap(({ path }) => path.split('+')))
    expect(leaves(subject.machine.root).filter((leaf) => !covered.has(leaf))).toEqual([])
  }
})
