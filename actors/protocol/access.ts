/**
 * What a token lets whoever shows it do. A table over all messages, which the compiler holds complete: a new one does not
 * pass before somebody has said here whether it changes something.
 */
import type { ClientMessage, ClientReplies } from './client.ts'

/** What a connection may do, by the token that it showed: anything, or only what changes nothing. */
export type Access = NonNullable<ClientReplies['ClientWelcome']['access']>

/** Which messages of a client change something. Those need a token that may do everything. */
export const changesSomething = {
  ClientHello: false,
  SubmitTask: true,
  PlanTask: false,
  RerunTask: true,
  StopTask: true,
  QueryTasks: false,
  QueryNodes: false,
  DrainNode: true,
  UndrainNode: true,
  RemoveNode: true,
  BackupStore: true,
  ExplainTask: false,
  Subscribe: false,
  Unsubscribe: false,
  ReadLogs: false,
  CreditOutput: false,
} as const satisfies Readonly<Record<ClientMessage['type'], boolean>>

/** Whether a connection with this access may send it. What is not in the table may not be sent to look. */
export const mayAsk = (access: Access, type: ClientMessage['type']): boolean =>
  access === 'everything' || changesSomething[type] === false
