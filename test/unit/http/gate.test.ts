import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { Gate } from '../../../services/http/gate.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Asks by the caller's name; what became of each stands in `seen`. */
function open(limits: { readonly atOnce: number; readonly queued: number }) {
  const gate = new Gate({ waitMs: 1_000, ...limits })
  const seen: string[] = []
  const ask = (caller: string, name = caller) => {
    const asking = {
      caller,
      enter: () => void seen.push(`${name} in`),
      refuse: () => void seen.push(`${name} refused`),
    }
    gate.ask(asking)
    return asking
  }
  return { gate, seen, ask }
}

test('lets in as many as there are places, lets a bounded number wait, and refuses the rest at once', () => {
  const { gate, seen, ask } = open({ atOnce: 2, queued: 1 })

  for (const name of ['1', '2', '3', '4']) ask('a', name)

  expect(seen).toEqual(['1 in', '2 in', '4 refused'])
  expect([gate.inWork, gate.queued]).toEqual([2, 1])
})

test('gives a free place to whoever waits, first come first served for one caller', () => {
  const { gate, seen, ask } = open({ atOnce: 1, queued: 2 })
  for (const name of ['1', '2', '3']) ask('a', name)

  gate.leave('a')
  gate.leave('a')

  expect(seen).toEqual(['1 in', '2 in', '3 in'])
  expect([gate.inWork, gate.queued]).toEqual([1, 0])
})

test('gives the place to the caller who has the fewest, however long others wait already', () => {
  const { gate, seen, ask } = open({ atOnce: 2, queued: 4 })
  for (const name of ['1', '2', '3', '4']) ask('greedy', name)
  ask('quiet')

  gate.leave('greedy')

  expect(seen).toEqual(['1 in', '2 in', 'quiet in'])
})

test('takes turns between callers who have as many', () => {
  const { gate, seen, ask } = open({ atOnce: 1, queued: 6 })
  ask('first')
  for (const caller of ['a', 'a', 'b', 'b', 'c']) ask(caller)

  for (const caller of ['first', 'a', 'b', 'c', 'a']) gate.leave(caller)

  expect(seen).toEqual(['first in', 'a in', 'b in', 'c in', 'a in', 'b in'])
})

test('makes room in a full queue for a caller who asks little, at the cost of the one who asks most', () => {
  const { gate, seen, ask } = open({ atOnce: 1, queued: 3 })
  for (const name of ['1', '2', '3', '4']) ask('greedy', name)

  ask('quiet')
  ask('greedy', '5')
  gate.leave('greedy')
  gate.leave('greedy')

  expect(seen).toEqual(['1 in', '4 refused', '5 refused', '2 in', 'quiet in'])
  expect(gate.queued).toBe(1)
})

test('refuses a caller whose line would be as long as the longest', () => {
  const { seen, ask } = open({ atOnce: 1, queued: 2 })
  ask('a')
  ask('a', 'a2')
  ask('b')

  ask('b', 'b2')
  ask('c')

  // Nobody waits for two places here: nobody gives way.
  expect(seen).toEqual(['a in', 'b2 refused', 'c refused'])
})

test('refuses who waited too long, and lets nobody in for him', () => {
  const { gate, seen, ask } = open({ atOnce: 1, queued: 2 })
  ask('a')
  ask('b')

  vi.advanceTimersByTime(1_000)
  gate.leave('a')

  expect(seen).toEqual(['a in', 'b refused'])
  expect([gate.inWork, gate.queued]).toEqual([0, 0])
})

test('forgets who went away while he waited', () => {
  const { gate, seen, ask } = open({ atOnce: 1, queued: 2 })
  ask('a')
  const gone = ask('b')
  ask('c')

  expect(gate.withdraw(gone)).toBe(true)
  expect(gate.withdraw(gone)).toBe(false)
  gate.leave('a')
  vi.advanceTimersByTime(5_000)

  expect(seen).toEqual(['a in', 'c in'])
})
