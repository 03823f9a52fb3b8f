import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, expect, test } from 'vitest'

import { RuntimeBench } from '../support/runtime.ts'
import { tempDir } from '../support/state.ts'

let bench: RuntimeBench
beforeAll(async () => {
  bench = await RuntimeBench.open()
})
afterAll(() => bench[Symbol.asyncDispose]())

/** Stays in INIT until a file says that it may go on. */
const slowStart = (gate: string) => ({
  'index.js': `
const { existsSync, writeFileSync } = require('node:fs')
if (!existsSync(${JSON.stringify(`${gate}-begun`)})) writeFileSync(${JSON.stringify(`${gate}-begun`)}, '')
while (!existsSync(${JSON.stringify(gate)})) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
exports.handler = async () => 'ran'
`,
})

test('code that was written to while the function started is handed no invocation, and the next one runs what was admitted', async () => {
  using dir = tempDir()
  // Whatever user the function runs as.
  chmodSync(dir.path, 0o777)
  const gate = join(dir.path, 'gate')
  const spec = await bench.spec(slowStart(gate))
  const running = bench.invoke(spec)
  await expect.poll(() => existsSync(`${gate}-begun`), { timeout: 15_000 }).toBe(true)
  const tree = join(bench.dataDir, 'prepared', spec.code.codeSha256, 'tree')

  writeFileSync(join(tree, 'index.js'), "exports.handler = async () => 'evil'\n")
  writeFileSync(gate, '')

  await expect(running).rejects.toMatchObject({ code: 'ACTIVATION_FAILED' })
  expect((await bench.invoke(spec)).text).toBe('"ran"')
})
