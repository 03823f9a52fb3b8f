import { expect, test } from 'vitest'

import { PlatformError } from '../../../services/model/index.ts'
import { toFailure } from '../../../services/runtime/prepare/tasks.ts'

const errnoError = (code: string): Error => Object.assign(new Error(`${code}: write`), { code })

test.each([
  ['ENOSPC', 'OUT_OF_SPACE'],
  ['EDQUOT', 'OUT_OF_SPACE'],
  ['EIO', 'OUT_OF_SPACE'],
  ['EROFS', 'OUT_OF_SPACE'],
  ['EMFILE', 'UNAVAILABLE'],
  ['ENFILE', 'UNAVAILABLE'],
  ['ENOENT', 'ACTIVATION_FAILED'],
])('%s while a package is unpacked is %s: what passes fails no version', (errno, code) => {
  expect(toFailure(errnoError(errno)).code).toBe(code)
})

test('what is said of the package stays as it is', () => {
  const detail = { expected: 'a', got: 'b' }
  const error = new PlatformError('ACTIVATION_FAILED', 'another tree', { detail })

  expect(toFailure(error)).toEqual({ code: 'ACTIVATION_FAILED', message: 'another tree', detail })
})
