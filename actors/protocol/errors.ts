/**
 * The one table of error codes. A code exists only if a caller would act differently on it; whether trying the same
 * again can help is the field `retryable`, and what a person should do next belongs in the message.
 */
export const errorCodes = {
  /** The request breaks its schema, or asks for what cannot be. */
  Invalid: { retryable: false },
  /** No task, node or attempt goes by that name. */
  NotFound: { retryable: false },
  /** More than one id starts with that prefix. */
  Ambiguous: { retryable: false },
  /** The id is taken by a task with another spec, or the name by another node. */
  Conflict: { retryable: false },
  /** Wrong or missing token, foreign origin. */
  Unauthorized: { retryable: false },
  /** The token may only look, and this would change something. */
  Forbidden: { retryable: false },
  /** A limit with a name was reached; nothing was done. */
  Overloaded: { retryable: true },
  /** What it needs is out of reach just now: a node that is down, a manager that is stopping. */
  Unavailable: { retryable: true },
  /** The manager could not save, and restarts. What reached its disk is not known: ask again by id. */
  StorageFailed: { retryable: true },
  /** The two ends do not speak the same version, or one of them broke the protocol. */
  Protocol: { retryable: false },
  /** History was lost: a worker is ahead of its manager, or what came after a position, or to a task, is not known any more. */
  LostHistory: { retryable: false },
  /** The request was sent, and whether it was done is not known; ask again by id. */
  OutcomeUnknown: { retryable: true },
  /** A defect of Troupe's own, or a record of its store that cannot be read. */
  Internal: { retryable: false },
} as const

/** What a TroupeError is about: a key of `errorCodes`. */
export type ErrorCode = keyof typeof errorCodes

/** An error with a code of the table. `message` is one clear sentence and the next step. */
export class TroupeError extends Error {
  override readonly name = 'TroupeError'
  /** What to tell cases apart by; the message is for people and may change. */
  readonly code: ErrorCode
  /** Whether the very same again can help. */
  readonly retryable: boolean
  /** The task whose outcome is not known, to ask again by. */
  declare readonly taskId?: string
  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { readonly taskId?: string }) {
    super(message, options)
    this.code = code
    this.retryable = errorCodes[code].retryable
    if (options?.taskId !== undefined) this.taskId = options.taskId
  }
}

/** Close codes of the WebSocket, 4000 to 4999 as RFC 6455 section 7.4.2 leaves to applications. */
export const closeCodes = {
  /** 1000: an orderly end. */
  normal: 1000,
  /** 1001: the manager is stopping; come back. */
  goingAway: 1001,
  /** 1002, as RFC 6455 has it in section 7.4.1: framing that WebSockets do not have. */
  framing: 1002,
  /** 1007: a text frame that is no UTF-8. */
  notText: 1007,
  /** 1008: a message in more parts than are put together. */
  tooManyParts: 1008,
  /** 1009: a frame over `frameBytesMax`. */
  tooBig: 1009,
  /** 1013, as registered with IANA: the manager has as many connections as it takes. */
  tryLater: 1013,
  /** A message that breaks its schema, or comes at the wrong time. */
  protocol: 4000,
  /** No token, or a wrong one. */
  unauthorized: 4001,
  /** No subprotocol in common. */
  subprotocol: 4002,
  /** A refusal of a worker's Hello; the message before it says why. */
  refused: 4003,
  /** Another incarnation of this node has taken its place. */
  replaced: 4004,
  /** The reader fell behind by more than `sendBufferBytesMax`. */
  tooSlow: 4005,
  /** Nothing was heard for too long. */
  timeout: 4006,
} as const
