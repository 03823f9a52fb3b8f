import { expect, test } from 'vitest'

import { RefusalBudget } from '../../../services/operations/index.ts'
import { FakeClock } from '../../support/state.ts'

function spent(clock: FakeClock): RefusalBudget {
  const budget = new RefusalBudget(clock)
  for (let i = 0; i < 2_000; i += 1) {
    budget.check('usr-1')
    budget.spend('usr-1')
  }
  return budget
}

test('who was refused too often is told to slow down before anything is decided', () => {
  const budget = spent(new FakeClock())

  expect(() => budget.check('usr-1')).toThrow(
    expect.objectContaining({ code: 'TOO_MANY_REQUESTS' }),
  )
})

test('one principal does not use up what another has', () => {
  const budget = spent(new FakeClock())

  expect(() => budget.check('usr-2')).not.toThrow()
})

test('what is admitted costs nothing', () => {
  const budget = new RefusalBudget(new FakeClock())

  for (let i = 0; i < 10_000; i += 1) budget.check('usr-1')

  expect(() => budget.check('usr-1')).not.toThrow()
})

test('after a while there is room again', () => {
  const clock = new FakeClock()
  const budget = spent(clock)

  clock.advance(1_000)

  expect(() => budget.check('usr-1')).not.toThrow()
})
