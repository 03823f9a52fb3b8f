import { describe, expect, test } from 'vitest'

import { canRun, nodeFunction, RuntimeBench } from '../support/runtime.ts'
import { processorWeights, spawnerPid } from '../support/sandbox-probes.ts'

const CALLS = 60
const PAUSE_MS = 30

describe.each(['bubblewrap', 'crun'] as const)('beside a busy environment, by %s', (isolation) => {
  test.skipIf(!canRun(isolation))(
    'one that waits for calls weighs more of the processors',
    async () => {
      await using bench = await RuntimeBench.open({ isolation })
      const calm = await bench.spec(nodeFunction('return 1'))
      const busy = await bench.spec(
        nodeFunction('const end = Date.now() + event.ms; while (Date.now() < end); return 2'),
      )
      await bench.invoke(busy, { ms: 0 })
      await bench.invoke(calm)
      const atFirst = processorWeights(spawnerPid())

      const running = bench.invoke(busy, { ms: CALLS * PAUSE_MS + 2_000 })
      const call = async (): Promise<void> => {
        await bench.invoke(calm)
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
      for (let calls = 0; calls < CALLS; calls += 1) await call()
      const beside = processorWeights(spawnerPid()).toSorted((a, b) => a - b)
      expect((await running).json).toBe(2)

      expect(new Set(atFirst).size).toBe(1)
      expect(beside).toHaveLength(2)
      // Of version 2, weights are small whole numbers.
      expect((beside[1] ?? 0) / (beside[0] ?? 1)).toBeGreaterThan(2.9)
      expect(beside[0]).toBe(atFirst[0])
    },
  )
})
