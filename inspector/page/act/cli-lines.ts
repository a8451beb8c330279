/** What of the page can be done on the command line, as lines to copy. */
import type { NodeView, TaskView } from '../../../actors/model.ts'

export interface CliLine {
  readonly does: string
  readonly line: string
}

/** Where the command line looks when it is not told. */
const defaultHost = '127.0.0.1:4747'

/** `host`: where the manager of the page is. */
export function linesOfTask({ id, outcome }: Pick<TaskView, 'id' | 'outcome'>, host: string): CliLine[] {
  const lines = [
    { does: 'Why it is where it is', line: `troupe explain ${id}` },
    { does: 'What it writes', line: `troupe logs${outcome === null ? ' -f' : ''} ${id}` },
    { does: 'Its transitions', line: `troupe events ${id}` },
  ]
  const last =
    outcome === null
      ? { does: 'Stop it', line: `troupe stop ${id}` }
      : { does: 'Run it again', line: `troupe rerun ${id}` }
  return [...lines, last].map(at(host))
}

export function linesOfNode({ name, draining }: Pick<NodeView, 'name' | 'draining'>, host: string): CliLine[] {
  const node = /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`
  return [
    { does: 'What runs on it', line: `troupe status --node ${node}` },
    draining
      ? { does: 'Have it take tasks again', line: `troupe node undrain ${node}` }
      : { does: 'Empty it', line: `troupe node drain ${node}` },
  ].map(at(host))
}

const at = (host: string) => (line: CliLine) =>
  host === defaultHost ? line : { ...line, line: `${line.line} --addr ${host}` }
