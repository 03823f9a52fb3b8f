// Mutation testing of the folders whose mistakes nobody would see: `npm run mutation [-- --mutate FILE]`, or
// `-- --changed [BASE]` for the lines that differ alone.
// https://stryker-mutator.io/docs/stryker-js/configuration/
export default {
  packageManager: 'npm',
  plugins: ['./test/support/mutation-runner.mjs'],
  testRunner: 'warm',
  // The tests that stand for the mutated folders alone: what survives them nobody else would notice.
  warmRunner: {
    // Processor time for a mutant, likely killers first; what is alive then has survived. A few survivors alone need more.
    budgetMs: 3_000,
    include: ['artifact', 'ledger', 'trust'].map((name) => `test/unit/${name}`),
    // Other programs, chance, and half a million steps: half the time of all.
    exclude: ['foreign-tools', 'properties', 'symlink-steps'].map(
      (name) => `test/unit/artifact/${name}.test.ts`,
    ),
  },
  mutate: [
    ...['artifact', 'ledger', 'trust'].map((name) => `services/${name}/**/*.ts`),
    '!services/*/index.ts',
  ],
  // What the tests need beside the sources; the compiled files are not mutated.
  ignorePatterns: ['coverage', 'test/clients', 'reports'],
  coverageAnalysis: 'perTest',
  ignoreStatic: true,
  concurrency: 2,
  timeoutMS: 2_000,
  reporters: ['clear-text', 'json', 'progress-append-only'],
  clearTextReporter: { allowColor: false, logTests: false, reportScoreTable: true },
  // Each folder is judged by itself, in test/support/mutation.mjs.
  thresholds: { high: 95, low: 92, break: null },
}
