// Mutation testing of the pure folders that decide: before a release, not per commit.
export default {
  mutate: ['services/trust/**/*.ts', 'services/artifact/**/*.ts'],
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutation.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner'],
  coverageAnalysis: 'perTest',
  concurrency: 2,
  incremental: false,
  reporters: ['clear-text', 'progress'],
  clearTextReporter: { allowColor: false, logTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
  timeoutMS: 20_000,
  tempDirName: 'node_modules/.cache/stryker',
  ignorePatterns: ['dist', 'test/clients', 'docs', 'examples'],
}
