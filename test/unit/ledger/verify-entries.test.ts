import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  EMPTY_FRONTIER,
  EMPTY_ROOT,
  LedgerWalk,
  appendLeaf,
  formatCheckpoint,
  formatNote,
  leafHash,
  nodeHash,
  parseCheckpoint,
  rootOf,
  verifyEntries,
  type LedgerEntry,
  type LedgerFinding,
} from '../../../services/ledger/index.ts'
import { noteSigner } from '../../support/checkpoints.ts'
import { entryText } from '../../support/ledger-entries.ts'

const ORIGIN = 'lacre.test/log'
const log = noteSigner(ORIGIN)
const logKey = log.key

const entry = (index: number, more: object = {}): string =>
  entryText({ origin: ORIGIN, index, at: 1000 + index, ...more })

const entriesOf = (size: number): string[] =>
  Array.from({ length: size }, (_, index) => entry(index))

function checkpointOver(entries: readonly string[], origin = ORIGIN) {
  const frontier = entries.reduce(
    (before, body) => appendLeaf(before, leafHash(body)).frontier,
    EMPTY_FRONTIER,
  )
  const text = formatCheckpoint({ origin, size: entries.length, root: rootOf(frontier) })
  return parseCheckpoint(formatNote(text, [log.sign(text)]))
}

const kindsOf = async (entries: readonly string[], original: readonly string[]) => {
  const report = await verifyEntries(entries, { checkpoints: [checkpointOver(original)], logKey })
  expect(report.authenticated).toBe(report.findings.length === 0)
  return report.findings.map((finding) => finding.kind)
}

describe('verifying entries', () => {
  it('finds nothing in a ledger as it was written', async () => {
    const entries = entriesOf(20)

    const report = await verifyEntries(entries, {
      checkpoints: [checkpointOver(entries.slice(0, 7)), checkpointOver(entries)],
      logKey,
    })

    expect(report).toMatchObject({ size: 20, checkpointedSize: 20, authenticated: true })
    expect(report.findings).toEqual([])
  })

  it('calls it consistent and not authenticated without a key or a checkpoint from outside', async () => {
    const entries = entriesOf(5)
    const checkpoints = [checkpointOver(entries)]

    expect(await verifyEntries(entries, { checkpoints })).toMatchObject({
      findings: [],
      authenticated: false,
    })
    expect(await verifyEntries(entries, { checkpoints: [], logKey })).toMatchObject({
      findings: [],
      authenticated: false,
    })
  })

  it('finds any edited, dropped, swapped, doubled, inserted or cut-off entry', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 2, max: 40 }),
        fc.nat(),
        fc.nat(),
        fc.constantFrom('edit', 'drop', 'swap', 'double', 'insert', 'cut'),
        async (size, a, b, how) => {
          const original = entriesOf(size)
          const at = a % size
          const other = (at + 1 + (b % (size - 1))) % size
          const changed = [...original]
          if (how === 'edit') changed[at] = entry(at, { resource: 'other' })
          if (how === 'drop') changed.splice(at, 1)
          if (how === 'swap') [changed[at], changed[other]] = [changed[other]!, changed[at]!]
          if (how === 'double') changed.splice(at, 0, changed[at]!)
          if (how === 'insert') changed.splice(at, 0, entry(at, { resource: 'new' }))
          if (how === 'cut') changed.length = at

          const kinds = await kindsOf(changed, original)

          expect(kinds).not.toEqual([])
          if (how === 'cut') expect(kinds).toContain('truncated')
          if (how === 'swap') expect(kinds).toContain('swapped')
          if (how === 'drop' && at < size - 1) expect(kinds).toContain('dropped')
        },
      ),
    )
  })

  it('finds any flipped byte', async () => {
    const original = entriesOf(9)
    await fc.assert(
      fc.asyncProperty(fc.nat(8), fc.nat(), fc.integer({ min: 1, max: 127 }), async (at, b, x) => {
        const bytes = Buffer.from(original[at]!)
        bytes[b % bytes.length]! ^= x
        const changed = original.with(at, bytes.toString())

        expect(await kindsOf(changed, original)).not.toEqual([])
      }),
    )
  })

  it('says between which checkpoints an edit lies', async () => {
    const original = entriesOf(12)
    const checkpoints = [4, 8, 12].map((size) => checkpointOver(original.slice(0, size)))
    const changed = original.with(6, entry(6, { resource: 'other' }))

    const report = await verifyEntries(changed, { checkpoints })

    expect(report.findings[0]).toMatchObject({ kind: 'edited', index: 4 })
    expect(report.findings[0]?.message).toContain('4 to 7')
  })

  it('finds a checkpoint by another key, and of another log', async () => {
    const entries = entriesOf(3)
    const stranger = noteSigner(ORIGIN).key
    const checkpoints = [checkpointOver(entries)]

    const byOther = await verifyEntries(entries, { checkpoints, logKey: stranger })
    const ofOther = await verifyEntries(entries, { checkpoints: [checkpointOver(entries, 'x')] })

    expect(byOther.findings.map((finding) => finding.kind)).toEqual(['signature'])
    expect(ofOther.findings.map((finding) => finding.kind)).toEqual(['forked'])
  })

  it('finds entries of another origin and times that go back', async () => {
    const entries = [entry(0), entry(1, { origin: 'other' }), entry(2, { at: 5 })]

    const { findings } = await verifyEntries(entries, { checkpoints: [] })

    expect(findings.map((finding) => finding.kind)).toEqual(['forked', 'time'])
  })

  it('finds that the ledger was emptied', async () => {
    expect(await kindsOf([], entriesOf(3))).toContain('truncated')
  })

  it('holds the checkpoint of the empty ledger to the empty root', async () => {
    const empty = checkpointOver([])
    const forged = { ...empty, root: leafHash('x') }

    expect((await verifyEntries([], { checkpoints: [empty] })).findings).toEqual([])
    expect((await verifyEntries([], { checkpoints: [forged] })).findings[0]?.kind).toBe('edited')
  })

  it('says of nothing at all that it is the empty ledger', async () => {
    expect(await verifyEntries([], { checkpoints: [] })).toEqual({
      size: 0,
      root: EMPTY_ROOT,
      origin: undefined,
      checkpointedSize: 0,
      authenticated: false,
      findings: [],
    })
  })

  it('takes the origin from the entries, and from a checkpoint where there are none', async () => {
    const other = checkpointOver([], 'other')
    const entries = entriesOf(1)

    expect((await verifyEntries(entries, { checkpoints: [other] })).origin).toBe(ORIGIN)
    expect((await verifyEntries([], { checkpoints: [other] })).origin).toBe('other')
  })

  it('allows entries of the same millisecond', async () => {
    const entries = [entry(0, { at: 5 }), entry(1, { at: 5 })]

    expect((await verifyEntries(entries, { checkpoints: [] })).findings).toEqual([])
  })

  it('finds that two checkpoints of one size say two things', async () => {
    const entries = entriesOf(3)
    const forged = checkpointOver(entries.with(2, entry(2, { resource: 'other' })))
    const real = checkpointOver(entries)

    for (const checkpoints of [
      [real, forged],
      [forged, real],
    ])
      expect((await verifyEntries(entries, { checkpoints })).findings).toEqual([
        {
          kind: 'edited',
          message: 'entries 0 to 2 are not those of the checkpoint of size 3',
          index: 0,
        },
      ])
  })

  it.each<[string, readonly string[], readonly LedgerFinding[]]>([
    [
      'a dropped entry',
      [entry(0), entry(2)],
      [{ kind: 'dropped', message: 'entry 1 is not there', index: 1 }],
    ],
    [
      'dropped entries',
      [entry(0), entry(3), entry(4)],
      [{ kind: 'dropped', message: 'entries 1 to 2 are not there', index: 1 }],
    ],
    [
      'swapped entries',
      [entry(0), entry(2, { at: 1000 }), entry(1), entry(3)],
      [
        { kind: 'dropped', message: 'entry 1 is not there', index: 1 },
        { kind: 'swapped', message: 'entry 1 stands after entry 2', index: 1 },
      ],
    ],
    [
      'a doubled entry',
      [entry(0), entry(1), entry(1), entry(2)],
      [{ kind: 'swapped', message: 'entry 1 stands after entry 1', index: 1 }],
    ],
    [
      'what is no entry, and goes on behind it',
      [entry(0), '{}', entry(2)],
      [{ kind: 'malformed', message: 'entry 1 is not a canonical ledger entry', index: 1 }],
    ],
    [
      'an entry of another ledger',
      [entry(0), entry(1, { origin: 'other' })],
      [{ kind: 'forked', message: 'entry 1 belongs to another ledger', index: 1 }],
    ],
    [
      'every time before the newest so far',
      [entry(0, { at: 9 }), entry(1, { at: 5 }), entry(2, { at: 8 }), entry(3, { at: 9 })],
      [
        { kind: 'time', message: 'entry 1 is older than the one before', index: 1 },
        { kind: 'time', message: 'entry 2 is older than the one before', index: 2 },
      ],
    ],
  ])('tells %s', async (_, entries, findings) => {
    expect((await verifyEntries(entries, { checkpoints: [] })).findings).toEqual(findings)
  })

  it('tells what is wrong with a checkpoint', async () => {
    const entries = entriesOf(2)
    const stranger = noteSigner(ORIGIN).key
    const longer = checkpointOver(entriesOf(3), 'other')
    const forged = { ...checkpointOver([]), root: leafHash('x') }

    const report = await verifyEntries(entries, { checkpoints: [longer, forged], logKey: stranger })

    expect(report).toMatchObject({ checkpointedSize: 3, authenticated: false })
    expect(report.findings.map(({ kind, message, index }) => [kind, message, index])).toEqual([
      ['truncated', '2 entries are there, a checkpoint was signed over 3', 2],
      ['forked', 'the checkpoint of size 3 is of another ledger', undefined],
      ['signature', "the checkpoint of size 3 is not by the log's key", undefined],
      ['edited', 'the checkpoint of the empty ledger has another root', undefined],
      ['signature', "the checkpoint of size 0 is not by the log's key", undefined],
    ])
  })
})

describe('walking a ledger', () => {
  it('says where it stands, and what each entry completed', () => {
    const seen: LedgerEntry[] = []
    const walk = new LedgerWalk({ checkpoints: [], onEntry: (one) => seen.push(one) })
    expect([walk.frontier, walk.origin, walk.lastAt]).toEqual([EMPTY_FRONTIER, undefined, 0])

    const [first, second] = [walk.add(entry(0)), walk.add(entry(1))]

    const [a, b] = [leafHash(entry(0)), leafHash(entry(1))]
    expect(first).toEqual({ leaf: a, nodes: [{ level: 0, index: 0, hash: a }] })
    expect(second).toEqual({
      leaf: b,
      nodes: [
        { level: 0, index: 1, hash: b },
        { level: 1, index: 0, hash: nodeHash(a, b) },
      ],
    })
    expect(walk.frontier).toEqual({ size: 2, hashes: [nodeHash(a, b)] })
    expect([walk.origin, walk.lastAt]).toEqual([ORIGIN, 1001])
    expect(seen.map(({ index }) => index)).toEqual([0, 1])
  })

  it('hands on what is wrong in its place, and not what is no entry', () => {
    const seen: number[] = []
    const walk = new LedgerWalk({ checkpoints: [], onEntry: ({ index }) => seen.push(index) })

    for (const body of [entry(4), 'x', entry(1)]) walk.add(body)

    expect(seen).toEqual([4, 1])
    expect(walk.findings.map(({ kind }) => kind)).toEqual([
      'dropped',
      'malformed',
      'swapped',
      'time',
    ])
    expect(walk.lastAt).toBe(1004)
  })
})
