// Mutation testing of the folders whose mistakes nobody would see: `npm run mutation [-- --mutate FILE]`, or
// `-- --changed [BASE]` for the lines that differ alone.
// https://stryker-mutator.io/docs/stryker-js/configuration/

/** `test/support/mutation.mjs` names them: a run over the changed lines leaves out those whose tests are slow. */
const folders = (process.env.LACRE_MUTATION_FOLDERS ?? 'artifact,ledger,policy,trust').split(',')

export default {
  packageManager: 'npm',
  plugins: ['./test/support/mutation-runner.mjs'],
  testRunner: 'warm',
  // The tests that stand for the mutated folders alone: what survives them nobody else would notice.
  warmRunner: {
    // Processor time for a mutant, likely killers first; what is alive then has survived. A few survivors alone need more.
    budgetMs: 3_000,
    include: folders.map((name) => `test/unit/${name}`),
    // Other programs, chance, half a million steps, and whole sets asked a thousand times: half the time of all.
    exclude: [
      ...['foreign-tools', 'properties', 'symlink-steps'].map((name) => `artifact/${name}`),
      ...['shipped', 'shortcuts', 'slices'].map((name) => `policy/${name}`),
    ].map((path) => `test/unit/${path}.test.ts`),
  },
  mutate: [...folders.map((name) => `services/${name}/**/*.ts`), '!services/*/index.ts'],
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
