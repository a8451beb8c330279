/** The charts of a machine, once they are there. */
import { useEffect, useState } from 'preact/hooks'
import type { ChartGraph } from '../../chart/graph.ts'
import { builtInCharts, type Charts, chartsOf } from './charts.ts'

export interface UsedCharts {
  readonly charts: Charts | undefined
  /** Why there are none, in a sentence. */
  readonly failure: string | undefined
  readonly again: () => void
}

export function useCharts(machine: string | ChartGraph): UsedCharts {
  const [state, setState] = useState<{ of: unknown; charts?: Charts; failure?: string }>({ of: undefined })
  const [tries, setTries] = useState(0)
  useEffect(() => {
    let isOver = false
    const asked = typeof machine === 'string' ? builtInCharts(machine) : chartsOf(machine)
    asked.then(
      (charts) => {
        if (!isOver) setState({ of: machine, charts })
      },
      (error: unknown) => {
        if (!isOver) setState({ of: machine, failure: error instanceof Error ? error.message : String(error) })
      },
    )
    return () => {
      isOver = true
    }
  }, [machine, tries])
  const isOf = state.of === machine
  return {
    charts: isOf ? state.charts : undefined,
    failure: isOf ? state.failure : undefined,
    again: () => setTries(tries + 1),
  }
}
