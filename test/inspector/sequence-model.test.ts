import { describe, expect, test } from 'vitest'
import { type SequenceRow, sequenceOf } from '../../inspector/page/task/panels/sequence-model.ts'
import { exited, stepsOf } from './steps.ts'

/** `client → manager: Stop` for what stands in the log, `⇢` for what is implied. */
const told = (rows: readonly SequenceRow[]) =>
  rows.map((row) => {
    if (row.kind === 'divider') return `— ${row.label}`
    const detail = row.detail === '' ? '' : ` (${row.detail})`
    return `${row.from} ${row.isRecorded ? '→' : '⇢'} ${row.to}: ${row.label}${detail}`
  })

const life = stepsOf([
  [0, 'Created', '', 'Pending.Queued', 0, 2],
  [0, { type: 'Placed', nodeName: 'node-1' }, 'Pending.Queued', 'Scheduled.Starting', 1, 2],
  [5, 'Pulling', 'Scheduled.Starting', 'Scheduled.Pulling', 1, 3],
  [9, 'Started', 'Scheduled.Pulling', 'Running.Up', 1, 3],
  [20, exited(0), 'Running.Up', 'Completed', 1, 4],
])

describe('the sequence of a history', () => {
  test('a whole life, with one acknowledgement for each status that came', () => {
    expect(told(sequenceOf(life))).toEqual([
      'client ⇢ manager: SubmitTask',
      'manager → manager: Created',
      'manager ⇢ client: Submitted',
      '— attempt 1 on node-1',
      'manager → manager: Placed (on node-1)',
      'manager ⇢ worker: run{spec}',
      'worker ⇢ attempt: starts it',
      'worker → manager: Pulling',
      'attempt ⇢ worker: runs',
      'worker → manager: Started',
      'manager ⇢ worker: acknowledges',
      'attempt ⇢ worker: ends',
      'worker → manager: Exited (exit 0)',
      'manager ⇢ worker: acknowledges the end',
      'worker ⇢ attempt: removes what is left',
      'manager ⇢ client: tells: Completed',
    ])
  })

  test('every step of the log has exactly one row that stands in it', () => {
    const steps = stepsOf([
      ...[
        'Created',
        'Unplaceable',
        'Placed',
        'Pulling',
        'Started',
        'HealthChanged',
        'Unhealthy',
        'TimedOut',
        'Drain',
        'NodeUnreachable',
        'NodeReturned',
        'Lost',
        'BackOffElapsed',
        'PlacementExpired',
        'StartFailed',
        'Exited',
        'Stop',
        'OfTomorrow',
      ].map((type, at) => [at, type, 'Running.Up', 'Running.Stopping', 1] as const),
    ])
    const recorded = sequenceOf(steps).flatMap((row) => (row.kind === 'message' && row.isRecorded ? [row.step] : []))
    expect(recorded).toEqual(steps.map(({ index }) => index))
  })

  test('a stop comes from the client and goes on to the attempt, once', () => {
    const steps = stepsOf([
      [0, 'Stop', 'Running.Up', 'Running.Stopping', 1],
      [1, { type: 'Stop', graceMs: 0 }, 'Running.Stopping', 'Running.Stopping'],
    ])
    expect(told(sequenceOf(steps))).toEqual([
      'client → manager: Stop',
      'manager ⇢ client: StopAccepted',
      'manager ⇢ worker: stop{graceMs}',
      'worker ⇢ attempt: TERM, then KILL',
      'client → manager: Stop (within 0 ms)',
      'manager ⇢ client: StopAccepted',
    ])
  })

  test('a loss is the word of a worker, or what the manager makes of its silence', () => {
    const said = stepsOf([[0, { type: 'Lost', message: 'no trace of it' }, 'Running.Up', 'Failed', 1]])
    expect(told(sequenceOf(said))[0]).toBe('worker → manager: Lost (no trace of it)')
    const silent = stepsOf([[0, 'Lost', 'Running.Unreachable', 'Failed', 1]])
    expect(told(sequenceOf(silent))).toEqual(['manager → manager: Lost', 'manager ⇢ client: tells: Failed'])
  })

  test('a drain is asked for by somebody, its deadline is nobody’s', () => {
    const asked = told(sequenceOf(stepsOf([[0, 'Drain', 'Running.Up', 'Running.Stopping', 1]])))
    expect(asked.slice(0, 2)).toEqual(['client ⇢ manager: drains its node', 'manager → manager: Drain'])
    const over = stepsOf([[0, { type: 'Drain', isOver: true }, 'Running.Up', 'Running.Stopping', 1]])
    expect(told(sequenceOf(over))[0]).toBe('manager → manager: Drain (the deadline has passed)')
  })

  test('a past that was trimmed is said to be', () => {
    expect(told(sequenceOf(life.slice(2), { isTrimmed: true }))[0]).toBe(
      '— what came before is not in the log any more',
    )
    expect(sequenceOf([])).toEqual([])
  })
})
