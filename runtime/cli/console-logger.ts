/** One readable line per event, for the operator who started `up`, `manager` or `worker`. */
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { printable } from './table.ts'

const levels = ['debug', 'info', 'warn', 'error'] as const
export type Level = (typeof levels)[number]

// A second line of defence: what the runtime logs holds no secret in the first place.
const secretName = /token|secret|password|authorization|credential/i

function formatField(name: string, value: unknown): string {
  if (secretName.test(name)) return `${name}=***`
  const text = typeof value === 'string' ? value : value instanceof Error ? value.message : JSON.stringify(value)
  const clean = printable(text ?? String(value))
  return `${name}=${/[\s"=]/.test(clean) || clean === '' ? JSON.stringify(clean) : clean}`
}

/** Writes `2026-11-22T12:00:00.000Z info  message key=value` for this level and those above it. */
export function createConsoleLogger(write: (line: string) => void, clock: Pick<Clock, 'nowMs'>, least: Level): Logger {
  const at =
    (level: Level) =>
    (message: string, fields: Record<string, unknown> = {}) => {
      if (levels.indexOf(level) < levels.indexOf(least)) return
      const said = Object.entries(fields)
        .filter(([, value]) => value !== undefined)
        .map(([name, value]) => ` ${formatField(name, value)}`)
      write(`${new Date(clock.nowMs()).toISOString()} ${level.padEnd(5)} ${printable(message)}${said.join('')}`)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
