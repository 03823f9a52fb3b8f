// Mutation testing of the folders whose mistakes nobody would see: `npm run mutation [-- --mutate FILE]`, or
// `-- --changed [BASE]` for the lines that differ alone.
// https://stryker-mutator.io/docs/stryker-js/configuration/
export default {
  packageManager: 'npm',
  testRunner: 'vitest',
  vitest: { configFile: 'vitest.mutation.config.ts', related: false },
  plugins: ['@stryker-mutator/vitest-runner'],
  mutate: ['services/trust/**/*.ts', 'services/artifact/**/*.ts', '!services/*/index.ts'],
  // What the tests need beside the sources; the compiled files are not mutated.
  ignorePatterns: ['coverage', 'test/clients', 'reports'],
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  concurrency: 2,
  timeoutMS: 20_000,
  reporters: ['clear-text', 'json', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportScoreTable: true },
  thresholds: { high: 95, low: 92, break: 90 },
}
