import { expect, test } from 'vitest'

import { VerdictChanges, type VerdictChange } from '../../../services/operations/verdict-changes.ts'

function change(liveId: number): VerdictChange {
  return {
    liveId,
    bornMs: 0,
    functionName: 'one',
    alias: `a${liveId}`,
    slot: 'primary',
    version: '1',
    state: 'violating',
    reasons: [],
    causes: ['revocation'],
    untilMs: null,
    policySet: 'set',
    world: 1,
    sinceMs: undefined,
    before: 'compliant',
  }
}

const ids = (changes: readonly VerdictChange[]): number[] => changes.map(({ liveId }) => liveId)

test('hands out as many as are asked for once they are found, and the rest when the look ends', async () => {
  const changes = new VerdictChanges()
  changes.add(change(1))
  let first: readonly VerdictChange[] | undefined
  const asking = changes.slice({ from: 0, count: 2 }).then((found) => (first = found))
  await Promise.resolve()
  expect(first).toBeUndefined()

  changes.add(change(2))
  await asking
  changes.add(change(3))
  const rest = changes.slice({ from: 2, count: 2 })
  changes.end()

  expect(ids(first ?? [])).toEqual([1, 2])
  expect(ids(await rest)).toEqual([3])
})

test('keeps nobody waiting for a look that ended', async () => {
  const changes = new VerdictChanges()
  changes.end()

  expect(await changes.slice({ from: 0, count: 50 })).toEqual([])
})
