/** `troupe events [-f] [ID…]` */
import type { Command } from 'commander'
import type { TaskEvent } from '../../actors/model.ts'
import type { TaskFilter } from '../../actors/protocol/client.ts'
import type { LogPosition } from '../client/subscription.ts'
import type { AddressFlags } from './address.ts'
import { type Cli, newCommand, parsing } from './command.ts'
import { openCliLink, withConnection } from './connection.ts'
import { eventText } from './event-line.ts'
import { UsageError } from './failure.ts'
import { type FilterFlags, filterOf, withFilters } from './filter-flags.ts'
import { followStream, type Told } from './following.ts'
import { jsonText } from './harmless.ts'
import { taskReferences } from './task-id.ts'

type From = 'now' | 'snapshot' | LogPosition

interface EventsFlags extends AddressFlags, FilterFlags {
  readonly follow?: boolean
  readonly json?: boolean
  readonly from: From
}

export function buildEvents(cli: Cli): Command {
  const command = newCommand(
    'events',
    'Prints what happened to tasks: of those that are named all, else the newest 500.',
  )
    .argument('[id...]', 'only of these tasks; an id may be cut to a beginning that is clear', taskReferences)
    .option('-f, --follow', 'go on with what happens, until interrupted')
    .option('--json', 'one JSON object in a line for each')
    .option(
      '--from <place>',
      '"now", or strictly after a position that --json gave (default: what is recorded)',
      parsing(parseFrom),
      'snapshot',
    )
  return withConnection(withFilters(command)).action(async (ids: string[], flags: EventsFlags) => {
    if (flags.from === 'now' && flags.follow !== true) {
      throw new UsageError('from now on there is nothing yet; add -f to follow, or leave out --from')
    }
    await printEvents(cli, filterOf(ids, flags), flags)
  })
}

function parseFrom(text: string): From {
  if (text === 'now' || text === 'snapshot') return text
  const [, logId, revision] = /^([^:]{1,64}):(\d{1,15})$/.exec(text) ?? []
  if (logId === undefined) throw new RangeError(`"${text}" is no place in the log; write now, or LOG:REVISION`)
  return { logId, revision: Number(revision) }
}

async function printEvents(cli: Cli, filter: TaskFilter, flags: EventsFlags): Promise<void> {
  const { io } = cli
  const link = await openCliLink(cli, flags)
  const left = new AbortController()
  const leave = () => left.abort()
  io.stdout.once('error', leave)
  const undo = (['SIGINT', 'SIGTERM'] as const).map((name) => io.onSignal(name, leave))
  const lines = new EventLines(cli, flags.json === true)
  try {
    await followStream({
      ...{ link, topic: 'events', filter, from: flags.from, signal: left.signal },
      take: async (told, position) => {
        await lines.take(told, position)
        // What is recorded ends with the snapshot, and what was missed with a mark.
        const isAll = told.type === 'Mark' || (told.type === 'Snapshot' && told.more !== true)
        if (isAll && flags.follow !== true) leave()
      },
    })
  } finally {
    for (const forget of undo) forget()
    io.stdout.off('error', leave)
    await link.close()
  }
}

class EventLines {
  readonly #cli: Cli
  readonly #json: boolean
  /** Up to where everything was printed; a snapshot after a reset repeats it. */
  #told: LogPosition | undefined

  constructor(cli: Cli, json: boolean) {
    this.#cli = cli
    this.#json = json
  }

  async take(told: Told, position: LogPosition | undefined): Promise<void> {
    const { output } = this.#cli
    if (told.type === 'Reset') output.note(`troupe: events may be missing: ${told.reason}`)
    else if (told.type === 'Snapshot') await this.#print(told.events?.filter(this.#isNew(told.logId)) ?? [], position)
    else if (told.type === 'Delta') await this.#print(told.events ?? [], position)
    this.#told = position ?? this.#told
  }

  #isNew(logId: string): (event: TaskEvent) => boolean {
    const told = this.#told
    return ({ revision }) => told === undefined || told.logId !== logId || revision > told.revision
  }

  async #print(events: readonly TaskEvent[], position: LogPosition | undefined): Promise<void> {
    for (const [at, event] of events.entries()) {
      const after = at === events.length - 1 ? position : undefined
      await this.#cli.output.write('stdout', `${this.#json ? eventJson(event, after) : eventLine(event)}\n`)
    }
  }
}

const eventLine = (event: TaskEvent): string =>
  `${new Date(event.atMs).toISOString()}  ${event.taskId}  ${eventText(event)}`

/** The shape of `events --json`. `position` is where `--from` goes on after this one; absent within a commit. */
function eventJson({ atMs, node, ...event }: TaskEvent, position: LogPosition | undefined): string {
  return jsonText({
    ...event,
    node: node ?? null,
    at: new Date(atMs).toISOString(),
    ...(position === undefined ? {} : { position: `${position.logId}:${position.revision}` }),
  })
}
