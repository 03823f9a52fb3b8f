import { defineConfig } from 'vitest/config'

const project = (name: string, extra: Record<string, unknown> = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], environment: 'node', ...extra },
})

export default defineConfig({
  test: {
    reporters: ['default', './test/support/skip-reporter.ts'],
    projects: [
      project('unit'),
      project('api', { testTimeout: 20_000 }),
      project('system', {
        testTimeout: 60_000,
        hookTimeout: 60_000,
        pool: 'forks',
        fileParallelism: false,
      }),
      project('security', { testTimeout: 60_000, hookTimeout: 60_000 }),
      project('vectors', { testTimeout: 120_000, hookTimeout: 60_000 }),
    ],
  },
})
