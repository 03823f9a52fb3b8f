import { expect, test } from 'vitest'

import type { SealReport } from '../../../services/model/index.ts'
import { saysMore } from '../../../services/trust/index.ts'

const time = { atMs: 1, source: 'rfc3161' as const, authority: 'tsa' }
const log = {
  logId: 'aa',
  baseUrl: 'https://log.test',
  index: 3,
  kind: 'dsse 0.0.1',
  proof: 'inclusion' as const,
}

function report(change: Partial<SealReport> = {}): SealReport {
  return { outcome: 'untrusted', unchecked: [], ...change } as SealReport
}

test.each<[string, Partial<SealReport>, Partial<SealReport>]>([
  ['counts where the kept one does not', { outcome: 'trusted' }, {}],
  ['has a trusted time', { times: [time] }, {}],
  ['has another trusted time', { times: [time, { ...time, atMs: 2 }] }, { times: [time] }],
  ['stands in a log', { logs: [log] }, {}],
  [
    'counts as before, and has a time',
    { outcome: 'trusted', times: [time] },
    { outcome: 'trusted' },
  ],
  ['verifies where the kept one does not', {}, { outcome: 'tampered', times: [time] }],
  ['has in a verified time what was unchecked', { times: [time] }, { unchecked: ['a timestamp'] }],
])('a wrapping says more that %s', (_title, now, kept) => {
  expect(saysMore(report(now), report(kept))).toBe(true)
  expect(saysMore(report(kept), report(now))).toBe(false)
})

test.each<[string, Partial<SealReport>, Partial<SealReport>]>([
  ['says the same', { times: [time], logs: [log] }, { times: [time], logs: [log] }],
  ['does not verify', { outcome: 'tampered' }, { outcome: 'tampered' }],
  ['leaves out what could not be checked', {}, { unchecked: ['a timestamp'] }],
  ['brings what cannot be checked', { times: [time], unchecked: ['an entry'] }, {}],
  ['has another time for the kept one', { times: [{ ...time, atMs: 2 }] }, { times: [time] }],
  [
    'has the time of another authority',
    { times: [{ ...time, authority: 'x' }, time] },
    { times: [{ ...time, authority: 'y' }] },
  ],
  ['has a time of another source', { times: [{ ...time, source: 'rekor-v1' }] }, { times: [time] }],
  ['has another entry for the kept one', { logs: [{ ...log, index: 4 }] }, { logs: [log] }],
  [
    'stands in another log',
    { logs: [{ ...log, baseUrl: 'https://x' }, log] },
    { logs: [{ ...log, baseUrl: 'https://y' }] },
  ],
  ['trades a log for a time', { times: [time] }, { logs: [log] }],
  ['counts no longer', { times: [time] }, { outcome: 'trusted' }],
  ['counts, and loses a time', { outcome: 'trusted' }, { times: [time] }],
])('a wrapping says no more that %s', (_title, now, kept) => {
  expect(saysMore(report(now), report(kept))).toBe(false)
})
