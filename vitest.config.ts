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
    reporters: ['default', './test/support/skip-reporter.ts'],
    projects: [
      // Pure code: its files share a process, and load it once.
      project('unit', { isolate: false }),
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
