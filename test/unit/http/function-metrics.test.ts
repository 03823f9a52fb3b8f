import { expect, test } from 'vitest'

import { functionLabels } from '../../../services/http/function-metrics.ts'
import { createMetrics } from '../../../services/http/index.ts'
import type { AttemptRecord } from '../../../services/model/index.ts'

const attempt = (functionName: string, more: Partial<AttemptRecord> = {}): AttemptRecord => ({
  endedAtMs: 0, requestId: 'r', functionName, version: '1', attempt: 1, outcome: 'success', durationMs: 20,
  billedMs: 20, memoryMb: 128, maxMemoryMb: 1, ...more,
}) // prettier-ignore

test('names have labels of their own up to the limit, and share one beyond it', () => {
  const labelOf = functionLabels(2)

  expect(['a', 'b', 'c', 'a', 'd'].map(labelOf)).toEqual(['a', 'b', '(other)', 'a', '(other)'])
})

test('series are bounded whatever functions there are', async () => {
  const metrics = createMetrics()
  for (let i = 0; i < 3_000; i += 1) metrics.attempt(attempt(`f${i}`))
  for (let i = 0; i < 3_000; i += 1) metrics.throttle(`g${i}`)

  const lines = (await metrics.text()).split('\n')
  expect(lines.filter((line) => line.startsWith('lacre_invocations_total{'))).toHaveLength(1_001)
  expect(lines).toContain('lacre_invocations_total{function="(other)"} 2000')
  expect(lines).toContain('lacre_throttles_total{function="(other)"} 3000')
})

test('counts as AWS does: errors and time-outs are invocations, throttles are not', async () => {
  const metrics = createMetrics()
  metrics.attempt(attempt('f'))
  metrics.attempt(attempt('f', { outcome: 'error' }))
  metrics.attempt(attempt('f', { outcome: 'timeout', durationMs: 3_000 }))
  metrics.throttle('f')
  for (const used of ['provisioned', 'provisioned', 'spillover', 'unprovisioned'] as const)
    metrics.concurrencyUsed('f', used)
  metrics.watchRunning(() => ({
    inFlight: new Map([['f', 2]]),
    environments: 3,
    prewarmed: { ready: 1 },
    logBytes: 4,
    provisioned: [
      { functionName: 'f', allocated: 3, used: 2 },
      { functionName: 'f', allocated: 1, used: 1 },
    ],
  }))

  const text = await metrics.text()
  expect(text).toContain('lacre_invocations_total{function="f"} 3')
  expect(text).toContain('lacre_errors_total{function="f"} 2')
  expect(text).toContain('lacre_throttles_total{function="f"} 1')
  expect(text).toContain('lacre_duration_seconds_sum{function="f"} 3.04')
  expect(text).toContain('lacre_concurrent_executions{function="f"} 2')
  expect(text).toContain('lacre_provisioned_concurrency_invocations_total{function="f"} 2')
  expect(text).toContain(
    'lacre_provisioned_concurrency_spillover_invocations_total{function="f"} 1',
  )
  expect(text).toContain('lacre_provisioned_concurrent_executions{function="f"} 3')
  expect(text).toContain('lacre_provisioned_concurrency_utilization{function="f"} 0.75')
  expect(text).toContain('lacre_environments 3')
  expect(text).toContain('lacre_prewarmed_environments 1')
  expect(text).toContain('lacre_log_bytes 4')
})
