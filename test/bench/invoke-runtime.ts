import { performance } from 'node:perf_hooks'

import { canBubblewrap, nodeFunction, RuntimeBench } from '../support/runtime.ts'

/** The runtime alone: warm echo one after another and 16 at once, and a start with nothing warm. Run after a build. */
const WARM_CALLS = 3_000
const COLD_CALLS = 20

const percentile = (times: number[], share: number): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length * share)] ?? 0
const row = (times: number[]): string =>
  `p50 ${percentile(times, 0.5).toFixed(2)} ms, p99 ${percentile(times, 0.99).toFixed(2)} ms`

async function timed(times: number[], work: () => Promise<unknown>): Promise<void> {
  const start = performance.now()
  await work()
  times.push(performance.now() - start)
}

for (const isolation of ['process', 'bubblewrap'] as const) {
  if (isolation === 'bubblewrap' && !canBubblewrap) continue
  await using bench = await RuntimeBench.open({ isolation, maxEnvironments: 16 })
  for (const [language, files, options] of [
    ['node', nodeFunction('return event'), {}],
    [
      'python',
      { 'app.py': 'def handler(e, c): return e\n' },
      { runtime: 'python3.11', handler: 'app.handler' },
    ],
  ] as const) {
    const spec = await bench.spec(files, options)
    const event = { hello: 'wax', n: 1, list: [1, 2, 3], more: 'x'.repeat(10) }
    for (let i = 0; i < 300; i += 1) await bench.invoke(spec, event)
    const single: number[] = []
    for (let i = 0; i < WARM_CALLS; i += 1) await timed(single, () => bench.invoke(spec, event))
    const many: number[] = []
    const start = performance.now()
    const caller = async (): Promise<void> => {
      for (let i = 0; i < WARM_CALLS / 16; i += 1)
        await timed(many, () => bench.invoke(spec, event))
    }
    await Promise.all(Array.from({ length: 16 }, caller))
    const rate = many.length / ((performance.now() - start) / 1_000)
    const cold: number[] = []
    for (let i = 0; i < COLD_CALLS; i += 1) {
      const fresh = { ...spec, functionId: `fn-cold-${language}-${i}` }
      await timed(cold, () => bench.invoke(fresh, event))
    }
    console.log(`${isolation} ${language} warm c=1:  ${row(single)}`)
    console.log(`${isolation} ${language} warm c=16: ${row(many)}, ${rate.toFixed(0)}/s`)
    console.log(`${isolation} ${language} cold:      ${row(cold)}`)
  }
}
