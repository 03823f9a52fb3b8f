import { expect, it } from 'vitest'

import type { EvidenceContents, EvidenceRow } from '../../../services/evidence/contents.ts'
import { Findings } from '../../../services/evidence/findings.ts'
import { checkCarried } from '../../../services/evidence/verify-window.ts'

const START_MS = 1_000

/** A version that was live when the window began. */
const live = (slot: 'primary' | 'weighted', weight: number, index: number): EvidenceRow => ({
  table: 'live_interval',
  index,
  row: {
    id: index,
    function_name: 'f',
    alias: 'prod',
    slot,
    weight,
    from_ms: index,
    from_index: index,
  },
})

function findingsOf(first: number, rows: readonly EvidenceRow[]): readonly string[] {
  const findings = new Findings()
  const place = { account: '000000000000', region: 'us-east-1' }
  const scope = {
    place,
    functionName: 'f',
    alias: 'prod',
    fromMs: START_MS,
    toMs: 2_000,
    entries: 'opening',
  }
  const head = { scope, range: { first }, earlier: [] }
  const ledgers = [{ base: 0, begunMs: Number.NEGATIVE_INFINITY }]
  checkCarried({ head, ledgers, rows } as unknown as EvidenceContents, findings)
  return findings.list.map(({ message }) => message)
}

const NOT_BACK = 'the range does not reach back to where what was live at the start began'
const primary = live('primary', 0.9, 10)
const weighted = live('weighted', 0.1, 30)

it.each<[string, number, readonly EvidenceRow[]]>([
  ['one version that takes all calls', 10, [live('primary', 1, 10)]],
  ['two that take all of them', 10, [primary, weighted]],
  [
    'two of which the older one is the weighted one',
    10,
    [live('primary', 0.7, 30), live('weighted', 0.3, 10)],
  ],
  ['any, of the whole ledger', 0, [weighted]],
  ['none, of the whole ledger', 0, []],
])('is complete with %s', (_, first, rows) => {
  expect(findingsOf(first, rows)).toEqual([])
})

it.each<[string, number, readonly EvidenceRow[]]>([
  ['the primary version left out', 30, [weighted]],
  ['the weighted version left out', 10, [primary]],
  ['the older one in front of the range', 30, [primary, weighted]],
  ['nothing shown as live, though the range does not begin with the ledger', 30, []],
])('is found out with %s', (_, first, rows) => {
  expect(findingsOf(first, rows)).toEqual([NOT_BACK])
})
