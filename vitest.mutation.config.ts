import { defineConfig } from 'vitest/config'

/** What `npm run mutation` runs against each mutant: the unit tests of the folders it mutates. */
export default defineConfig({
  test: {
    include: ['test/unit/trust/**/*.test.ts', 'test/unit/artifact/**/*.test.ts'],
    environment: 'node',
  },
})
