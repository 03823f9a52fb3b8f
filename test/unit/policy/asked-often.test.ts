import { expect, test } from 'vitest'

import { AskedOften } from '../../../services/policy/asked-often.ts'

const untilWorth = (asked: AskedOften, key: string, size: number): number => {
  let times = 1
  while (!asked.isWorthPreparing(key, size)) times += 1
  return times
}

test.each([
  [0, 1],
  [1, 1],
  [9, 1],
  [10, 2],
  [60, 7],
])('%i policies are worth preparing when they are asked for the %ith time', (size, times) => {
  const asked = new AskedOften(10)

  expect(untilWorth(asked, 'a', size)).toBe(times)
  // What is prepared is not counted: if it is dropped, it has to be won back anew.
  expect(untilWorth(asked, 'a', size)).toBe(times)
})

test('counts each kind of question by itself', () => {
  const asked = new AskedOften(10)

  expect(asked.isWorthPreparing('a', 10)).toBe(false)
  expect(asked.isWorthPreparing('b', 10)).toBe(false)
  expect(asked.isWorthPreparing('a', 10)).toBe(true)
})

test('counts no more kinds than the limit: with one more it begins anew', () => {
  const asked = new AskedOften(2)
  const all = (...keys: readonly string[]) => keys.map((key) => asked.isWorthPreparing(key, 10))

  expect(all('a', 'b', 'a', 'b')).toEqual([false, false, true, true])
  expect(all('a', 'b', 'c', 'a')).toEqual([false, false, false, false])
  expect(all('c', 'a')).toEqual([true, true])
})

test('who is counted already needs no room', () => {
  const asked = new AskedOften(2)
  const all = (...keys: readonly string[]) => keys.map((key) => asked.isWorthPreparing(key, 20))

  expect(all('a', 'b', 'a', 'b', 'a', 'b')).toEqual([false, false, false, false, true, true])
})
