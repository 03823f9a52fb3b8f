import { availableParallelism } from 'node:os'

import { defineConfig } from 'vitest/config'

// The SDK's notice that it will leave Node 20 tells nothing of our tests.
const env = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' }

// As the compiler does it: without the marks that development versions of JSX put into elements.
const oxc = {
  jsx: { runtime: 'classic', pragma: 'h', pragmaFrag: 'Fragment', development: false },
} as const

const project = (name: string, extra: Record<string, unknown> = {}) => ({
  oxc,
  test: { name, include: [`test/${name}/**/*.test.ts`], environment: 'node', env, ...extra },
})

export default defineConfig({
  test: {
    // As many as there are: the default leaves one idle, which of two is half.
    maxWorkers: availableParallelism(),
    reporters: ['default', './test/support/skip-reporter.ts'],
    projects: [
      // Test files share a process, and load the code once: it took more than half of the time. Nothing of a file may
      // outlive it.
      project('unit', { testTimeout: 60_000, hookTimeout: 60_000, isolate: false }),
      project('api', { testTimeout: 60_000, hookTimeout: 60_000, isolate: false }),
      project('system', {
        testTimeout: 60_000,
        hookTimeout: 60_000,
        pool: 'forks',
        fileParallelism: false,
        isolate: false,
        // After the others, on a machine of their own.
        sequence: { groupOrder: 1 },
      }),
      project('security', { testTimeout: 60_000, hookTimeout: 60_000, isolate: false }),
      project('vectors', { testTimeout: 120_000, hookTimeout: 60_000 }),
    ],
  },
})
