import { expect, it } from 'vitest'

import { verifyLedger } from '../../services/audit/index.ts'
import { kill, linesOf, startProgram } from '../support/child.ts'
import { openState, tempDir } from '../support/state.ts'

it('loses nothing that was acknowledged when the process is killed in the middle of writing', async () => {
  using dir = tempDir()
  let acknowledged = -1
  for (const round of [1, 2, 3, 4, 5]) {
    const writer = startProgram('write-until-killed.mjs', dir.path)
    try {
      let seen = 0
      for await (const line of linesOf(writer)) {
        acknowledged = Math.max(acknowledged, Number(line.split(' ')[0]))
        if (++seen === round * 37) break
      }
    } finally {
      await kill(writer)
    }

    await using state = await openState(dir.path)
    const report = await state.store.snapshot((reader) => verifyLedger(reader, { data: true }))

    expect(state.store.integrity()).toEqual([])
    expect(report.findings).toEqual([])
    expect(report.size).toBeGreaterThan(acknowledged)
  }
}, 60_000)
