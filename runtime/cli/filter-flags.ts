/** The flags that choose among tasks, the same for every command that shows some. */
import type { Command } from 'commander'
import { type TaskState, taskStates } from '../../actors/model.ts'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import { collect, parsePairs, parsing } from './command.ts'

export interface FilterFlags {
  readonly label?: readonly string[]
  readonly state?: readonly TaskState[]
  readonly node?: readonly string[]
  readonly driver?: readonly string[]
  readonly name?: string
}

export function withFilters(command: Command): Command {
  return command
    .option('-l, --label <key=value>', 'only tasks with this label; may be repeated', parsing(parseLabel()))
    .option('--state <state>', `only tasks in this state; may be repeated`, parsing(parseState()))
    .option('--node <node>', 'only tasks on this node, by its name or id; may be repeated', collect)
    .option('--driver <driver>', 'only tasks of this driver; may be repeated', collect)
    .option('--name <name>', 'only tasks of this name')
}

function parseLabel(): (text: string) => string[] {
  const labels: string[] = []
  return (text) => {
    parsePairs([text], 'label')
    labels.push(text)
    return labels
  }
}

function parseState(): (text: string) => TaskState[] {
  const states: TaskState[] = []
  return (text) => {
    const state = taskStates.find((known) => known.toLowerCase() === text.toLowerCase())
    if (state === undefined) throw new RangeError(`"${text}" is no state; there are ${taskStates.join(', ')}`)
    if (!states.includes(state)) states.push(state)
    return states
  }
}

export function filterOf(ids: readonly string[], flags: FilterFlags): TaskFilter {
  const { label, state, node, driver, name } = flags
  return {
    ...(ids.length > 0 ? { ids: [...ids] } : {}),
    ...(label === undefined ? {} : { labels: parsePairs(label, 'label') }),
    ...(state === undefined ? {} : { states: [...state] }),
    ...(node === undefined ? {} : { nodes: [...node] }),
    ...(driver === undefined ? {} : { drivers: [...driver] }),
    ...(name === undefined ? {} : { name }),
  }
}
