/** From the event that tells of an attempt's end to the end itself, for the attempt on its worker and the task at its manager alike. */
import type { AttemptEnd } from './model.ts'

export type EndReport =
  | { readonly type: 'Exited'; readonly exitCode: number; readonly signal?: string; readonly oomKilled?: boolean }
  | { readonly type: 'StartFailed'; readonly code: string; readonly message: string; readonly retryable: boolean }
  /** Without a message it was only waited for: nobody has reported it. */
  | { readonly type: 'Lost'; readonly message?: string }

export function endOf(report: EndReport): AttemptEnd {
  switch (report.type) {
    case 'Exited': {
      const { exitCode, signal, oomKilled } = report
      return { kind: 'exited', exitCode, ...(signal ? { signal } : {}), ...(oomKilled ? { oomKilled } : {}) }
    }
    case 'StartFailed':
      return { kind: 'startFailed', code: report.code, message: report.message, retryable: report.retryable }
    case 'Lost':
      return { kind: 'lost', message: report.message ?? 'its node was unreachable for too long' }
  }
}
