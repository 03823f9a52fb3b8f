import { defineConfig } from 'vitest/config'

/** The tests that stand for the mutated folders alone: what survives them nobody else would notice. */
export default defineConfig({
  test: {
    include: ['test/unit/{artifact,trust}/**/*.test.ts'],
    testTimeout: 60_000,
    // Modules are loaded once for all mutants: loading them anew took four fifths of the time of each.
    isolate: false,
  },
})
