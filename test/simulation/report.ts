/** What a person reads of a run that failed, and of many that did not. */
import type { Report } from './run.ts'

/** With the command that runs it again. */
export function describeFailure(report: Report, variant?: string): string {
  const again = variant === undefined ? '' : ` --variant '${variant}'`
  return [
    `seed ${report.seed} broke after ${(report.simulatedMs / 1_000).toFixed(1)} simulated seconds:`,
    ...report.violations.map((violation) => `  - ${violation}`),
    'its faults:',
    ...report.faults.map((fault) => `  ${JSON.stringify(fault)}`),
    'the end of its trace:',
    ...report.tail.map((line) => `  ${line}`),
    `run it again: npm run simulate -- --seed ${report.seed}${again}`,
  ].join('\n')
}

export function describeCounts(counts: ReadonlyMap<string, number>): string {
  const names = [...counts.keys()].sort()
  return names.map((name) => `${String(counts.get(name)).padStart(9)}  ${name}`).join('\n')
}
