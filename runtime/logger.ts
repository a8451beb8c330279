/** What the runtime tells its operator. Never the place of a task's output, never a secret. */
export interface Logger {
  /** Steps that only a person who hunts a fault wants to read. */
  debug(message: string, fields?: Record<string, unknown>): void
  /** What goes on in order. */
  info(message: string, fields?: Record<string, unknown>): void
  /** What may need somebody, and is dealt with for now. */
  warn(message: string, fields?: Record<string, unknown>): void
  /** What does need somebody. */
  error(message: string, fields?: Record<string, unknown>): void
}

/** Says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }
