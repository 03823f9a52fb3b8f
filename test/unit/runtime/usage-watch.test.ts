import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import type { Cgroup } from '../../../services/runtime/spawner/cgroups.ts'
import { ProcessorShare } from '../../../services/runtime/spawner/processor-share.ts'
import { UsageWatch } from '../../../services/runtime/spawner/slots.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Looked at every 100 ms, in place of the kernel's files. */
function watchOne(watch: UsageWatch, id: string, limitMb = 20) {
  const seen = { reads: 0, reported: [] as number[], killed: 0, weighed: [] as boolean[] }
  const used = { mb: 10, cpuMs: 0 }
  const cgroup = {
    memoryMb: () => {
      seen.reads += 1
      return used.mb
    },
    cpuTimeMs: () => used.cpuMs,
    weigh: (heavy: boolean) => void seen.weighed.push(heavy),
  }
  const slot = {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the part of it that is looked at
    cgroup: cgroup as unknown as Cgroup,
    memoryMb: limitMb,
    uid: 1,
    temporaryDir: '',
    share: new ProcessorShare(performance.now()),
  }
  watch.watch(id, slot, {
    report: (mb) => void seen.reported.push(mb),
    kill: () => void (seen.killed += 1),
  })
  return { seen, used }
}

test('tells what changed, and kills what takes more than it may', () => {
  const watch = new UsageWatch()
  const { seen, used } = watchOne(watch, 'one')

  vi.advanceTimersByTime(300)
  used.mb = 21
  vi.advanceTimersByTime(100)
  watch.unwatch('one')
  vi.advanceTimersByTime(1_000)

  expect(seen).toEqual({ reads: 4, reported: [10, 21], killed: 1, weighed: [] })
})

test('what takes much less than another weighs more, until it takes as much or the other is gone', () => {
  const watch = new UsageWatch()
  const [calm, busy] = [watchOne(watch, 'calm'), watchOne(watch, 'busy')]
  const run = (ms: number, calmShare: number, busyShare: number): void => {
    for (let at = 0; at < ms; at += 100) {
      calm.used.cpuMs += 100 * calmShare
      busy.used.cpuMs += 100 * busyShare
      vi.advanceTimersByTime(100)
    }
  }

  run(500, 0.05, 1)
  expect([calm.seen.weighed, busy.seen.weighed]).toEqual([[false], []])
  // A busy one that gets little is as busy.
  run(5_000, 0.01, 0.1)
  expect([calm.seen.weighed, busy.seen.weighed]).toEqual([[false], []])
  run(5_000, 0.1, 0.1)
  expect([calm.seen.weighed, busy.seen.weighed]).toEqual([[false, true], []])
  run(5_000, 0.01, 0.1)
  watch.unwatch('busy')
  run(100, 0.01, 0.1)
  expect([calm.seen.weighed, busy.seen.weighed]).toEqual([[false, true, false, true], []])
  watch.unwatch('calm')
})

test('what takes nothing, all alone, stays what it is', () => {
  const share = new ProcessorShare(0)

  expect(share.isHeavy).toBe(true)
  expect(share.measure(0, 0)).toBe(0)
  expect([share.compare(share.measure(0, 3_600_000)), share.isHeavy]).toEqual([false, true])
  expect([share.compare(1), share.isHeavy]).toEqual([true, false])
  expect([share.compare(0), share.isHeavy]).toEqual([false, false])
})
