import { generateKeyPairSync, sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  EMPTY_FRONTIER,
  appendLeaf,
  formatCheckpoint,
  formatNote,
  leafHash,
  noteKey,
  parseCheckpoint,
  parseEntry,
  rootOf,
  verifyEntries,
} from '../../../services/ledger/index.ts'
import { canonicalJson } from '../../../services/model/index.ts'

const ORIGIN = 'lacre.test/log'
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const logKey = noteKey(ORIGIN, publicKey.export({ format: 'pem', type: 'spki' }).toString())

function entry(index: number, more: object = {}): string {
  return canonicalJson({
    v: 1,
    type: 'test',
    origin: ORIGIN,
    index,
    at: 1000 + index,
    action: 'a',
    resource: 'r',
    principal: { id: 'p', kind: 'user', name: 'n' },
    decision: null,
    world: 0,
    changes: [],
    ...more,
  })
}

const entriesOf = (size: number): string[] =>
  Array.from({ length: size }, (_, index) => entry(index))

function checkpointOver(entries: readonly string[], origin = ORIGIN) {
  const frontier = entries.reduce(
    (before, body) => appendLeaf(before, leafHash(body)).frontier,
    EMPTY_FRONTIER,
  )
  const text = formatCheckpoint({ origin, size: entries.length, root: rootOf(frontier) })
  const bytes = sign(null, Buffer.from(text), privateKey)
  return parseCheckpoint(formatNote(text, [{ name: logKey.name, id: logKey.id, bytes }]))
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
    const stranger = noteKey(
      ORIGIN,
      generateKeyPairSync('ed25519').publicKey.export({ format: 'pem', type: 'spki' }).toString(),
    )
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
})

describe('parsing an entry', () => {
  it('reads what is canonical', () => {
    expect(parseEntry(entry(3, { note: { a: 1 } }))?.index).toBe(3)
  })

  it.each([
    ['white space', ` ${entry(0)}`],
    ['another order of members', '{"v":1,"type":"test"}'],
    ['a member too many', entry(0, { extra: 1 })],
    ['a member too few', entry(0).replace('"world":0', '"wor1d":0')],
    ['no object', '[]'],
    ['no JSON', '{'],
    ['another version', entry(0, { v: 2 })],
    ['a negative index', entry(-1)],
    ['a fraction of an index', entry(0, { index: 0.5 })],
    ['a time that is text', entry(0, { at: '1' })],
    ['an origin that is none', entry(0, { origin: 1 })],
    ['changes that are no list', entry(0, { changes: {} })],
    ['a change without a digest', entry(0, { changes: [{ table: 't', key: {} }] })],
    ['a change with a short digest', entry(0, { changes: [{ table: 't', key: {}, sha256: 'a' }] })],
    [
      'a change with a strange key',
      entry(0, { changes: [{ table: 't', key: { a: [] }, sha256: null }] }),
    ],
    ['a change that is null', entry(0, { changes: [null] })],
    ['more than a tile holds', entry(0, { note: 'x'.repeat(60_000) })],
  ])('refuses %s', (_, body) => {
    expect(parseEntry(body)).toBeUndefined()
  })
})
