import { expect, test } from 'vitest'

import { PolicyChecker } from '../../../services/operations/policy-checker.ts'

test('turns away who would wait behind too many, and takes them again later', async () => {
  await using checker = new PolicyChecker()
  const task = {
    source: { files: [{ name: 'a.cedar', text: '' }], cases: null },
    kind: 'admission' as const,
    schema: '',
  }
  const ask = async () => await checker.check(task)

  const asked = await Promise.allSettled(Array.from({ length: 20 }, ask))

  const codes = asked.map(
    (one) => one.status === 'rejected' && (one.reason as { code?: string }).code,
  )
  expect(codes.slice(17)).toEqual(Array.from({ length: 3 }, () => 'TOO_MANY_REQUESTS'))
  expect(codes.slice(0, 17)).not.toContain('TOO_MANY_REQUESTS')
  await expect(ask()).resolves.toMatchObject({ policies: [] })
}, 120_000)
