import { expect, test } from 'vitest'

import { freezeDelayMs } from '../../../services/runtime/freeze-delay.ts'

test.each([
  ['its first invocation', Infinity, 5],
  ['one that came at once', 0, 5],
  ['one that came after 2 ms', 2, 5],
  ['one that came after 40 ms', 40, 80],
  ['one that came after 100 ms', 100, 200],
  ['one that came after a while', 101, 5],
])(
  'an environment stays thawed after %s for twice its wait, within limits',
  (_title, waited, stays) => {
    expect(freezeDelayMs(waited)).toBe(stays)
  },
)
