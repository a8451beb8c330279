import { defineConfig } from 'vitest/config'

/** Tests that speak to a Docker engine and to nothing else of weight. */
const docker = [
  'test/runtime/docker*.test.ts',
  'test/runtime/docker/**/*.test.ts',
  'test/runtime/drivers/docker*.test.ts',
]

/** Tests that use an engine or whole processes of Troupe: one file at a time, for they share one machine. */
const engine = [...docker, 'test/e2e/**/*.test.ts', 'test/browser/**/*.test.ts', 'test/scripts*.test.ts']

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
          sequence: { groupOrder: 2 },
        },
      },
    ]
  : []

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: [...engine, 'test/soak/**'],
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'engine',
          include: engine,
          exclude: leftOut,
          fileParallelism: false,
          // Real engines, browsers and kills on a machine that others may use: in CI one of them may stumble once, and its line
          // says so. What stumbles twice fails.
          retry: process.env.CI === 'true' ? 1 : 0,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      ...soak,
    ],
  },
})
