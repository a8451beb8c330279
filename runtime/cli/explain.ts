/** `troupe explain ID` */
import type { Command } from 'commander'
import { affinityLimits } from '../../actors/affinity.ts'
import { signedText } from '../../actors/comparison.ts'
import type { AttemptSummary, PlacementDecision, TaskEvent } from '../../actors/model.ts'
import { portText } from '../../actors/ports.ts'
import type { ClientReplies } from '../../actors/protocol/client.ts'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand } from './command.ts'
import { withClient, withConnection } from './connection.ts'
import { formatAge, formatDuration } from './duration.ts'
import { eventText } from './event-line.ts'
import { jsonText } from './harmless.ts'
import { healthText } from './health-flags.ts'
import { mountsText } from './mount.ts'
import { scoreLines } from './score-table.ts'
import { formatSize } from './size.ts'
import { printable, tableLines } from './table.ts'
import { taskReference } from './task-id.ts'
import { detailOf, portsText } from './task-row.ts'
import { variablesText } from './variables.ts'

type Explanation = ClientReplies['Explanation']

interface ExplainFlags extends AddressFlags {
  readonly json?: boolean
}

export function buildExplain(cli: Cli): Command {
  const command = newCommand(
    'explain',
    'Says why a task is where it is: nodes considered, attempts, timers, last events.',
  )
    .argument('<id>', 'the task; its id may be cut to a beginning that is clear', taskReference)
    .option('--json', 'one JSON object')
  return withConnection(command).action(async (id: string, flags: ExplainFlags) => {
    const explanation = await withClient(cli, flags, (client) => client.explain(id))
    if (flags.json) {
      const { type: _type, req: _req, ...rest } = explanation
      cli.output.line(jsonText(rest, 2))
      return
    }
    for (const line of explanationLines(explanation, cli.io.clock.nowMs())) cli.output.line(line)
  })
}

/** The page for people. `nowMs` is this machine's; ages are as good as the two clocks agree. */
export function explanationLines(explanation: Explanation, nowMs: number): string[] {
  const { task, decision, attempts, events, timers } = explanation
  return [
    ...headLines(explanation, nowMs),
    ...section('Placement', decision ? decisionLines(decision, nowMs) : ['none was tried yet']),
    ...section(placesTitle(task), scoreLines(explanation.schedulers ?? [])),
    ...section('Attempts', attempts.length > 0 ? attemptLines(attempts, decision, nowMs) : ['none yet']),
    ...section(
      'Timers',
      timers.map(({ event, dueAtMs }) => `${event} in ${formatDuration(dueAtMs - nowMs)}`),
    ),
    ...section('Last events', [...trimmedLines(explanation.trimmedUntilMs), ...eventLines(events)]),
    ...nextStep(task),
  ]
}

/** It is not asked where it would have been placed then: nodes have changed since, and it holds its place itself. */
const placesTitle = ({ state }: Explanation['task']): string =>
  state === 'Pending' ? 'If it were placed now' : 'If one like it were placed now'

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]

function headLines({ task, spec }: Explanation, nowMs: number): string[] {
  const detail = detailOf(task)
  const reason = task.outcome !== null && task.reason && !detail.includes(task.reason) ? task.reason : undefined
  const what = [task.driver, task.image, ...task.command.map(quoted)].filter(Boolean).join(' ')
  const rows: [string, string | undefined][] = [
    ['Task', task.name === task.id ? task.id : `${task.id} (${task.name})`],
    ['State', detail ? `${task.state}: ${detail}` : task.state],
    ['Reason', reason],
    ['Runs', what],
    ['Node', task.node ?? 'none yet'],
    ['Ports', (task.ports ?? spec.ports)?.map(portText).join(', ')],
    ['Variables', variablesText(spec)],
    ['Mounts', mountsText(spec)],
    ['Health', healthText(spec.health, task.health, nowMs)],
    ['Asks for', askedText(task, spec)],
    ['Constraints', spec.constraints?.join(', ')],
    ['Affinities', affinitiesText(spec)],
    ['Restart', restartText(spec.restart, task.restarts)],
    ['Rerun of', task.rerunOf ?? undefined],
    ['Created', `${new Date(task.createdAtMs).toISOString()} (${formatAge(nowMs - task.createdAtMs)} ago)`],
  ]
  return rows.flatMap(([name, text]) => (text ? [`${`${name}:`.padEnd(13)}${printable(text)}`] : []))
}

/** `on-failure, at most 3 times, 1 so far`. */
function restartText(restart: Explanation['spec']['restart'], restarts: number): string {
  const { policy = 'never', max } = restart ?? {}
  const most = max === undefined ? [] : [`at most ${max} ${max === 1 ? 'time' : 'times'}`]
  return [policy, ...most, ...(restarts > 0 ? [`${restarts} so far`] : [])].join(', ')
}

/** What is reserved for it. A limit holds for a container only, and only what was asked for. */
function askedText({ driver, reserved }: Explanation['task'], spec: Explanation['spec']): string {
  const marked = (text: string, isGiven: boolean): string =>
    !isGiven ? `${text} (default, not enforced)` : driver === 'docker' ? text : `${text} (reserved, not enforced)`
  const cpus = marked(`${reserved.cpus} ${reserved.cpus === 1 ? 'cpu' : 'cpus'}`, spec.cpus !== undefined)
  const memory = marked(formatSize(reserved.memoryBytes), spec.memoryBytes !== undefined)
  return `${cpus}, ${memory}`
}

const affinitiesText = ({ affinities }: Explanation['spec']): string | undefined =>
  affinities?.map(({ expression, weight }) => `${expression} (${weight ?? affinityLimits.weightDefault})`).join(', ')

const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

function decisionLines(decision: PlacementDecision, nowMs: number): string[] {
  const { scheduler, picked, scores, refusals, considered, of, why, note, atMs } = decision
  const verdict =
    picked === undefined ? `no node was fit: ${why ?? 'none is registered'}` : `picked ${nameOf(decision, picked)}`
  const count = of === undefined ? `${considered} node${considered === 1 ? '' : 's'}` : `${considered} of ${of} nodes`
  const nodes = `${count} considered`
  const lines = [printable(`${verdict} (${scheduler}, ${nodes}, ${formatAge(nowMs - atMs)} ago)`)]
  if (note !== undefined) lines.push(printable(note))
  // With affinities they stand in the order of both together, and otherwise in that of their costs.
  const sorted = scores.some(({ affinity }) => affinity) ? scores : [...scores].sort((a, b) => a.cost - b.cost)
  for (const { nodeId, name, cost, affinity } of sorted) {
    const wished = affinity === undefined ? '' : `, affinity ${signedText(affinity)}`
    lines.push(printable(`${nodeId === picked ? '*' : ' '} ${name}  cost ${Math.round(cost * 1_000) / 1_000}${wished}`))
  }
  for (const { name, why: refusal } of refusals) lines.push(`- ${printable(`${name}: ${refusal}`)}`)
  const left = considered - scores.length - refusals.length
  if (left > 0) lines.push(`… and ${left} more`)
  return lines
}

function nameOf({ scores }: PlacementDecision, nodeId: string): string {
  return scores.find((score) => score.nodeId === nodeId)?.name ?? nodeId
}

function attemptLines(
  attempts: readonly AttemptSummary[],
  decision: PlacementDecision | null,
  nowMs: number,
): string[] {
  const since = (fromMs: number | undefined, toMs: number | undefined): string =>
    fromMs === undefined ? '-' : formatDuration(Math.max(0, (toMs ?? nowMs) - fromMs))
  return tableLines(
    [
      { title: 'ATTEMPT', text: ({ attempt }) => String(attempt) },
      { title: 'NODE', text: ({ nodeId }) => (decision ? nameOf(decision, nodeId) : nodeId) },
      ...(attempts.some(({ ports }) => ports?.length)
        ? [{ title: 'PORTS', text: ({ ports }: AttemptSummary) => portsText(ports) }]
        : []),
      { title: 'SCHEDULED', text: ({ scheduledAtMs }) => new Date(scheduledAtMs).toISOString() },
      {
        title: 'STARTED AFTER',
        text: ({ scheduledAtMs, startedAtMs }) => (startedAtMs === undefined ? '-' : since(scheduledAtMs, startedAtMs)),
      },
      { title: 'RAN FOR', text: ({ startedAtMs, endedAtMs }) => since(startedAtMs, endedAtMs) },
      { title: 'EXIT', text: ({ exitCode }) => (exitCode === undefined ? '-' : String(exitCode)) },
      { title: 'REASON', text: ({ reason }) => reason ?? '' },
    ],
    attempts,
  )
}

const trimmedLines = (untilMs: number | undefined): string[] =>
  untilMs === undefined ? [] : [`what came until ${new Date(untilMs).toISOString()} was trimmed`]

const eventLines = (events: readonly TaskEvent[]): string[] =>
  events.map((event) => `${new Date(event.atMs).toISOString()}  ${eventText(event)}`)

function nextStep(task: Explanation['task']): string[] {
  if (task.outcome !== null)
    return ['', `"troupe logs ${task.id}" prints its output; "troupe rerun ${task.id}" runs it again.`]
  if (task.state === 'Pending') return ['', `"troupe node" says what the nodes have left.`]
  return []
}
