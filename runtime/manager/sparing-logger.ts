/** A logger for what peers cause: so many lines a minute, and then how many were left out. */
import { LineBudget } from '../../transport/line-budget.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'

/** Says what `logger` would, within the limits of `lineLimits`; all four levels share them. */
export function createSparingLogger(logger: Logger, clock: Pick<Clock, 'uptimeMs'>): Logger {
  const budget = new LineBudget(() => clock.uptimeMs())
  const spare =
    (level: keyof Logger): Logger[keyof Logger] =>
    (message, fields) => {
      const linesLeftOut = budget.take(message)
      if (linesLeftOut === undefined) return
      logger[level](message, linesLeftOut === 0 ? fields : { ...fields, linesLeftOut })
    }
  return { debug: spare('debug'), info: spare('info'), warn: spare('warn'), error: spare('error') }
}
