import { expect, test } from 'vitest'

import type { DecisionCheck } from '../../../services/model/index.ts'
import { isWaivable, violations } from '../../../services/policy/index.ts'

const check = (rule: string, more: Partial<DecisionCheck> = {}): DecisionCheck => ({
  rule,
  subject: 'f',
  status: 'failed',
  expected: 'x',
  got: 'y',
  ...more,
})

/** A move away from a violation is spared freezes, soak and approvals, never signatures and floors (promise P5). */
test.each<[string, readonly DecisionCheck[], boolean]>([
  ['a freeze', [check('stage.freeze')], true],
  ['soak and a policy', [check('stage.promotion'), check('policy.two-approvals')], true],
  ['a freeze beside a signature that passed', [check('stage.freeze'), check('signature.expiry', { status: 'passed' })], true],
  ['nothing that refuses', [check('stage.freeze', { status: 'passed' })], false],
  ['a signature', [check('signature.expiry')], false],
  ['a floor', [check('stage.floor')], false],
  ['a freeze beside a signature', [check('stage.freeze'), check('signature.mismatch')], false],
  ['a freeze beside a floor', [check('stage.freeze'), check('stage.floor')], false],
])('whether a no may be waived: %s', (_what, checks, waivable) => {
  expect(isWaivable(checks)).toBe(waivable)
}) // prettier-ignore

test('violates what refuses it and what an exception lets through, each rule once and in order', () => {
  const checks = [
    check('signature.expiry'),
    check('policy.sealed', { status: 'warned', exceptions: ['brg-1'] }),
    check('policy.logged', { status: 'warned' }),
    check('stage.freeze', { status: 'skipped' }),
    check('signature.integrity', { status: 'passed' }),
    check('signature.expiry', { subject: 'layer' }),
  ]

  expect(violations(checks)).toEqual(['policy.sealed', 'signature.expiry'])
  expect(violations([])).toEqual([])
})
