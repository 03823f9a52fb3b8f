import { expect, test, vi } from 'vitest'

import { FreezeTimer, freezeDelayMs } from '../../../services/runtime/freeze-timer.ts'

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

test('an environment that is called again and again is not frozen, and soon once it is not', () => {
  vi.useFakeTimers()
  let [nowMs, frozen] = [0, 0]
  const pass = (ms: number): void => {
    nowMs += ms
    vi.advanceTimersByTime(ms)
  }
  const timer = new FreezeTimer()
  const call = (): void => {
    timer.called(nowMs)
    timer.cancel()
    timer.start(nowMs, () => void (frozen += 1))
  }
  try {
    call()
    pass(70)
    expect(frozen).toBe(1)
    for (let left = 5; left > 0; left -= 1) {
      call()
      pass(70)
    }
    expect(frozen).toBe(1)
    pass(70)
    expect(frozen).toBe(2)
  } finally {
    vi.useRealTimers()
  }
})
