import { randomUUID } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { program, readsNotes, shellExtension } from '../support/extensions.ts'
import { canBubblewrap, RuntimeBench } from '../support/runtime.ts'

interface Notes {
  readonly notes: readonly string[]
  readonly pid: number
}

describe.skipIf(!canBubblewrap)('extensions in the sandbox', () => {
  let bench: RuntimeBench
  beforeAll(async () => {
    bench = await RuntimeBench.open({ isolation: 'bubblewrap', maxEnvironments: 20 })
  })
  afterAll(() => bench[Symbol.asyncDispose]())

  test('an extension in shell is there before the runtime, and gets each invocation', async () => {
    const spec = await bench.spec(readsNotes, { layers: [shellExtension('sh')] })
    const id = randomUUID()

    const first = await bench.invoke(spec, {}, id)
    const second = await bench.invoke(spec, {})

    const { notes } = first.json as Notes
    expect(notes[0], first.tail).toBe(
      'registered {"functionName":"probe","functionVersion":"1","handler":"index.handler"}',
    )
    await eventually(async () => {
      const { notes: later } = (await bench.invoke(spec, {})).json as Notes
      expect(JSON.parse(later[1] ?? '')).toMatchObject({
        eventType: 'INVOKE',
        requestId: id,
        invokedFunctionArn: `${spec.functionArn}:live`,
      })
    })
    expect((second.json as Notes).pid).toBe((first.json as Notes).pid)
    expect(bench.lines).toContain('EXTENSION\tName: sh\tState: Ready\tEvents: [INVOKE,SHUTDOWN]')
  })
})
void program
