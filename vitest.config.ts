import { defineConfig } from 'vitest/config'

/** Tests that use a Docker engine or whole processes of Troupe: one file at a time, for they share one machine. */
const engine = [
  'test/e2e/**/*.test.ts',
  'test/runtime/docker*.test.ts',
  'test/runtime/docker/**/*.test.ts',
  'test/runtime/drivers/docker*.test.ts',
]

export default defineConfig({
  test: {
    testTimeout: 20_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: engine, sequence: { groupOrder: 0 } },
      },
      {
        extends: true,
        test: {
          name: 'engine',
          include: engine,
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
