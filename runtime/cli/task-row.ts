/** A task as the command line shows it: a row of a table, an item of `--json`, a line about its end. */
import type { HostPort, TaskView } from '../../actors/model.ts'
import { portText } from '../../actors/ports.ts'
import { formatAge } from './duration.ts'
import type { Colour, Output } from './output.ts'
import { type Column, printable } from './table.ts'

const colours: Readonly<Record<TaskView['state'], Colour>> = {
  Pending: 'yellow',
  Scheduled: 'cyan',
  Running: 'green',
  Completed: 'dim',
  Failed: 'red',
}

/** What there is to say beyond the state: the nested state and why, or what it came to. */
export function detailOf(task: TaskView): string {
  const { outcome, reason, exitCode } = task
  if (outcome === null) return [task.detail, reason].filter(Boolean).join(': ')
  if (outcome === 'succeeded') return 'exit 0'
  const code = exitCode === null ? '' : `exit ${exitCode}`
  if (outcome === 'stopped') return code ? `stopped, ${code}` : 'stopped'
  if (outcome === 'exit') return code + (task.signal ? ` (${task.signal})` : '') || 'exit'
  return reason ? `${outcome}: ${reason}` : [outcome, code].filter(Boolean).join(', ')
}

/** Ports shown of a task in a table; of more, how many they are. */
const portsShownMax = 3

/** `8080→80`, `20000→80,20001→53/udp`. */
export function portsText(ports: readonly HostPort[] | undefined): string {
  if (!ports?.length) return '-'
  if (ports.length <= portsShownMax) return ports.map(portText).join(',')
  const shown = ports.slice(0, portsShownMax - 1)
  return `${shown.map(portText).join(',')} and ${ports.length - shown.length} more`
}

/** Of these tasks: a column that would be empty is left out. */
export const taskColumns = (nowMs: number, output: Output, tasks: readonly TaskView[]): readonly Column<TaskView>[] => [
  { title: 'ID', text: (task) => task.id },
  { title: 'NAME', text: (task) => task.name, spare: 1 },
  {
    title: 'STATE',
    text: (task) => task.state,
    paint: (text, task) => output.paint(colours[task.state], text),
  },
  { title: 'DRIVER', text: (task) => task.driver, spare: 5 },
  { title: 'NODE', text: (task) => task.node ?? '-', spare: 3 },
  { title: 'ATTEMPT', text: (task) => String(task.attempt), spare: 4 },
  { title: 'AGE', text: (task) => formatAge(nowMs - task.createdAtMs) },
  ...(tasks.some(({ ports }) => ports !== undefined)
    ? [{ title: 'PORTS', text: (task: TaskView) => portsText(task.ports), spare: 2 }]
    : []),
  { title: 'DETAIL', text: detailOf },
]

const isoTime = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

function healthJson(health: TaskView['health']) {
  if (health === undefined) return null
  const { state, failures, detail = null, atMs } = health
  return { state, failures, detail, since: isoTime(atMs) }
}

/** The shape of `status --json`: `state` is one of the five words, times are ISO 8601 in UTC or null. */
export function taskJson(task: TaskView) {
  return {
    id: task.id,
    name: task.name,
    state: task.state,
    detail: task.detail,
    driver: task.driver,
    node: task.node,
    nodeId: task.nodeId,
    attempt: task.attempt,
    restarts: task.restarts,
    exitCode: task.exitCode,
    signal: task.signal,
    outcome: task.outcome,
    reason: task.reason,
    health: healthJson(task.health),
    image: task.image,
    command: task.command,
    labels: task.labels,
    reserved: task.reserved,
    ports: (task.ports ?? []).map(({ address = null, ...port }) => ({ ...port, address })),
    rerunOf: task.rerunOf,
    createdAt: isoTime(task.createdAtMs),
    scheduledAt: isoTime(task.scheduledAtMs),
    startedAt: isoTime(task.startedAtMs),
    finishedAt: isoTime(task.finishedAtMs),
    revision: task.revision,
  }
}

/** One line about where a task has come to: `ab12 Failed: exit 3`. */
export const summaryOf = (task: TaskView): string => {
  const detail = detailOf(task)
  return printable(`${task.id} ${task.state}${detail ? `: ${detail}` : ''}`)
}
