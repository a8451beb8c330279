/**
 * Hunts: runs the simulated cluster over a row of seeds. Prints how often each fault and each situation came about, and
 * of the first run that breaks a promise its seed, its faults, the end of its trace, and the command that repeats it.
 *
 *   npm run simulate -- --seed 1 --seeds 200
 */
import { parseArgs } from 'node:util'
import { addCounts, coverageRules, missing } from '../test/simulation/coverage.ts'
import { describeCounts, describeFailure } from '../test/simulation/report.ts'
import { runSeed } from '../test/simulation/run.ts'
import { variants } from '../test/simulation/variants.ts'

interface Hunt {
  readonly first: number
  readonly seeds: number
  readonly variantName: string | undefined
  readonly keepsGoing: boolean
}

async function hunt({ first, seeds, variantName, keepsGoing }: Hunt): Promise<boolean> {
  const variant = variants.find(({ name }) => name === variantName)
  if (variantName !== undefined && variant === undefined) {
    const names = variants.map(({ name }) => `'${name}'`).join(', ')
    console.error(`There is no variant '${variantName}'. There are ${names}.`)
    return false
  }
  const counts = new Map<string, number>()
  const begunMs = performance.now()
  let broken = 0
  let events = 0
  let simulatedMs = 0
  for (let seed = first; seed < first + seeds && (broken === 0 || keepsGoing); seed += 1) {
    const report = await runSeed(seed, variant === undefined ? {} : { variant })
    addCounts(counts, report.counts)
    events += report.events
    simulatedMs += report.simulatedMs
    if (seeds === 1) console.log(`the hash of its trace: ${report.hash}`)
    if (report.violations.length === 0) continue
    broken += 1
    console.log(describeFailure(report, variantName))
  }
  console.log(describeCounts(counts))
  const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1)
  const hours = (simulatedMs / 3_600_000).toFixed(1)
  console.log(`${seeds} seeds, ${broken} broken; ${events} events, ${hours} simulated hours in ${seconds} s`)
  const isLong = broken === 0 && seeds >= coverageRules.seeds
  const rare = isLong ? missing(counts, coverageRules.timesMin) : []
  for (const name of rare) console.log(`came about less than ${coverageRules.timesMin} times: ${name}`)
  return broken === 0 && rare.length === 0
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    variant: { type: 'string' },
    'keep-going': { type: 'boolean', default: false },
  },
})
const [first, seeds] = [Number(values.seed), Number(values.seeds)]
if (!Number.isSafeInteger(first) || !Number.isSafeInteger(seeds) || first < 0 || seeds < 1) {
  console.error('--seed and --seeds take whole numbers: the first seed, from 0, and how many, from 1.')
  process.exitCode = 2
} else {
  const clean = await hunt({ first, seeds, variantName: values.variant, keepsGoing: values['keep-going'] })
  process.exitCode = clean ? 0 : 1
}
