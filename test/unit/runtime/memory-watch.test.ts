import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import type { Cgroup } from '../../../services/runtime/spawner/cgroups.ts'
import { MemoryWatch } from '../../../services/runtime/spawner/slots.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Looks every 100 ms at what is given here in place of the kernel's files. */
function watched(limitMb: number) {
  const seen = { reads: 0, reported: [] as number[], killed: 0 }
  const cgroup = {
    usedMb: 10,
    memoryMb: () => {
      seen.reads += 1
      return cgroup.usedMb
    },
  }
  const watch = new MemoryWatch()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part of it that is looked at
  const slot = { cgroup: cgroup as unknown as Cgroup, memoryMb: limitMb, uid: 1, temporaryDir: '' }
  watch.watch('one', slot, {
    report: (mb) => void seen.reported.push(mb),
    kill: () => void (seen.killed += 1),
  })
  return { seen, cgroup, watch }
}

test('tells what changed, and kills what takes more than it may', () => {
  const { seen, cgroup, watch } = watched(20)

  vi.advanceTimersByTime(300)
  cgroup.usedMb = 21
  vi.advanceTimersByTime(100)
  watch.unwatch('one')
  vi.advanceTimersByTime(1_000)

  expect(seen).toEqual({ reads: 4, reported: [10, 21], killed: 1 })
})
