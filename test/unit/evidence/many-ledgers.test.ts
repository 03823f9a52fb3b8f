import { expect, test } from 'vitest'

import { readContents, type EvidenceHead } from '../../../services/evidence/index.ts'
import { entryPath, proofPath } from '../../../services/evidence/ledgers.ts'

const range = { first: 0, end: 0, frontier: [], consistency: [] }
const ledger = { origin: 'o', size: 1, range }
const head: EvidenceHead = {
  scope: {
    place: { account: '123456789012', region: 'eu-central-1' },
    functionName: 'f',
    alias: 'prod',
    fromMs: 0,
    toMs: 1,
    entries: 'window',
  },
  artifacts: false,
  ...ledger,
  earlier: Array.from({ length: 100 }, (_, at) => ({ epoch: at + 1, ...ledger })),
}
const nothing = new Uint8Array()
const paths = Array.from({ length: 10_000 }, (_, at) => [entryPath(at), proofPath(at)]).flat()

test('looks through many files of many ledgers once, and not for each ledger anew', () => {
  const files = new Map(paths.map((path) => [path, nothing]))
  const { user } = process.cpuUsage()

  expect(() => readContents(head, files)).toThrow('`earlier/1/ledger/checkpoint` is not there')
  expect((process.cpuUsage().user - user) / 1_000).toBeLessThan(1_000)
})

test.each([
  'earlier/01/ledger/checkpoint',
  'earlier/0/ledger/checkpoint',
  'earlier/101/ledger/checkpoint',
  'earlier/1/earlier/2/ledger/checkpoint',
  'earlier/1/ledger/entries/00.json',
  'earlier/1/rows.jsonl',
  'earlier/1/decisions/dec-00000000000000000000000000/facts.json',
  'earlier/../ledger/checkpoint',
])('takes %s for no file of evidence', (path) => {
  expect(() => readContents(head, new Map([[path, nothing]]))).toThrow(
    `\`${path}\` is no file of evidence`,
  )
})
