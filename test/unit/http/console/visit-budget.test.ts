import { expect, test } from 'vitest'

import {
  BURST,
  PER_SECOND,
  openVisitBudget,
} from '../../../../services/http/console/visit-budget.ts'

test('whoever asks for page after page waits, and nobody else does', () => {
  let nowMs = 0
  const budget = openVisitBudget({ monotonicMs: () => nowMs })
  const taken = (id: string, times: number): number => {
    let count = 0
    for (let at = 0; at < times; at += 1) {
      try {
        budget.take(id)
        count += 1
      } catch (error) {
        expect(error).toMatchObject({ code: 'TOO_MANY_REQUESTS' })
      }
    }
    return count
  }

  expect(taken('hasty', BURST + 50)).toBe(BURST)
  expect(taken('other', 10)).toBe(10)
  nowMs += 2_000
  expect(taken('hasty', BURST)).toBe(2 * PER_SECOND)
})
