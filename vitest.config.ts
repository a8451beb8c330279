import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Tests that speak to a Docker engine and to nothing else of weight. */
const docker = [
  'test/runtime/docker*.test.ts',
  'test/runtime/docker/**/*.test.ts',
  'test/runtime/drivers/docker*.test.ts',
]

/** Tests that use an engine or whole processes of Troupe. */
const engine = [...docker, 'test/e2e/**/*.test.ts', 'test/browser/**/*.test.ts', 'test/scripts*.test.ts']

/** Those of them that need the machine for themselves: one file at a time, and nothing beside it. */
const alone = [
  // They time what they do.
  'test/browser/inspector-load.test.ts',
  'test/e2e/faults-clock.test.ts',
  'test/e2e/faults-recovery.test.ts',
  // It gives the engine short deadlines.
  'test/runtime/docker-faults.test.ts',
  // They start and kill an engine of their own, on the one bridge that is meant for it.
  'test/e2e/faults-engine.test.ts',
  'test/runtime/docker-engine-death.test.ts',
  // It keeps the engine busy with fifty containers at once.
  'test/e2e/two-workers.test.ts',
  // It may build this checkout anew.
  'test/scripts-start.test.ts',
]

/**
 * Those that take long because they try very much. Set by scripts/test-node24, TROUPE_TEST_FAST leaves them out: what is
 * left is what "the fast tests" are.
 */
const slow = [
  'test/simulation/**/*.test.ts',
  'test/hostile/**/*.test.ts',
  'test/actors/exhaustive.test.ts',
  'test/actors/paths.test.ts',
  'test/actors/persist.test.ts',
  'test/runtime/plateau.test.ts',
]

/** The longest of their kind, which begin first, so that no processor waits for one that began last. */
const longest = [
  'test/simulation/simulation.test.ts',
  'test/simulation/mutants.test.ts',
  'test/hostile/clients.test.ts',
  'test/hostile/workers.test.ts',
  'test/actors/persist.test.ts',
  'test/scripts-bench.test.ts',
  'test/e2e/stream-restarts.test.ts',
  'test/browser/inspector-access.test.ts',
  'test/e2e/kill-loop.test.ts',
  'test/scripts.test.ts',
  'test/e2e/cli-verbs.test.ts',
  'test/e2e/faults-lease.test.ts',
]

/** Vitest knows what took long only where it ran before, which a fresh checkout has not. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rankOf = ({ moduleId }: TestSpecification) => {
      const rank = longest.findIndex((path) => moduleId.endsWith(`/${path}`))
      return rank < 0 ? longest.length : rank
    }
    return (await super.sort(files)).sort((one, other) => rankOf(one) - rankOf(other))
  }
}

/**
 * Set by scripts/test, to the reason, where there is no engine. Whole files of docker tests are left out here; a test
 * of test/e2e/ that needs an engine asks the same variable and leaves itself out.
 */
const leftOut = [
  ...(process.env.TROUPE_TEST_WITHOUT_ENGINE ? docker : []),
  // Likewise set by scripts/test, to the reason.
  ...(process.env.TROUPE_TEST_WITHOUT_BROWSER ? ['test/browser/**/*.test.ts'] : []),
  ...(process.env.TROUPE_TEST_WITHOUT_PYTHON ? ['test/e2e/foreign-python.test.ts'] : []),
]

/** Faults by the hundred, and only by `npm run soak`, which sets this. */
const soak = process.env.TROUPE_SOAK
  ? [
      {
        extends: true as const,
        test: {
          name: 'soak',
          include: ['test/soak/*.test.ts'],
          fileParallelism: false,
          testTimeout: 3_600_000,
          sequence: { groupOrder: 3 },
        },
      },
    ]
  : []

/** What all tests with an engine or whole processes are given. */
const patience = {
  exclude: leftOut,
  // Real engines, browsers and kills on a machine that others may use: in CI one of them may stumble once, and its line
  // says so. What stumbles twice fails.
  retry: process.env.CI === 'true' ? 1 : 0,
  testTimeout: 120_000,
  hookTimeout: 120_000,
}

export default defineConfig({
  // The examples import the package by its name, and tests that import them mean the sources.
  resolve: { alias: [{ find: /^troupe$/, replacement: resolve(import.meta.dirname, 'runtime/index.ts') }] },
  test: {
    // Hardly any needs a second. What hangs is told by its own deadline, mostly of 20 s, which must come before this one.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...engine, 'test/soak/**', ...(process.env.TROUPE_TEST_FAST ? slow : [])],
          // A process for each file would load the same modules two hundred times, a third of all their time. So a test
          // that changes what is common (limits, the environment, modules) puts it back.
          isolate: false,
          // Vitest would leave one processor idle, which of two is half.
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          ...patience,
          name: 'engine',
          include: engine,
          exclude: [...leftOut, ...alone],
          // Two files, for each of them waits for half of its time. More would make them wait for each other.
          maxWorkers: Math.min(2, availableParallelism()),
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { ...patience, name: 'alone', include: alone, fileParallelism: false, sequence: { groupOrder: 2 } },
      },
      ...soak,
    ],
  },
})
