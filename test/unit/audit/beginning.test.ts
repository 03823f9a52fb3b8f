import { describe, expect, it } from 'vitest'

import { BEGUN, SUCCEEDED, toNamed } from '../../../services/audit/succession.ts'
import { checkBeginning } from '../../../services/audit/verify-beginning.ts'
import { formatVerifierKey } from '../../../services/ledger/index.ts'
import type { Json } from '../../../services/model/index.ts'
import type { PastLedgerTable } from '../../../services/store/index.ts'
import { noteSigner } from '../../support/checkpoints.ts'
import { changeEntry } from '../../support/ledger-entries.ts'

const ORIGIN = 'lacre.test/next'
const { key } = noteSigner(ORIGIN)
const named = { origin: ORIGIN, verifierKey: formatVerifierKey(key) }
const before: PastLedgerTable = {
  epoch: 1,
  how: 'rotated',
  origin: 'lacre.test/log',
  size: 17,
  root: 'ab'.repeat(32),
  checkpoint: 'a note',
  ended_at: 5,
}
const previous = { origin: before.origin, size: 17, root: before.root, checkpoint: 'a note' }
const note = { epoch: 2, how: 'rotated', ...named, previous }
const entryOf = (type: string, of?: Json) =>
  changeEntry({ type, ...(of !== undefined && { note: of }) })
const announced = entryOf(SUCCEEDED, named)

const messages = (
  first = entryOf(BEGUN, note),
  {
    ended = before,
    last = announced,
    ...more
  }: Partial<{
    ended: PastLedgerTable
    last: ReturnType<typeof entryOf> | undefined
    key: typeof key | undefined
  }> = {},
) => {
  const { how, findings } = checkBeginning({ ended, last }, { first, origin: ORIGIN, key, ...more })
  expect(how).toBe(ended.how)
  expect(findings.every(({ kind, index }) => kind === 'forked' && index === 0)).toBe(true)
  return findings.map(({ message }) => message)
}

const [BEGINS, QUOTES, LEDGER, KEY, ANNOUNCED] = [
  'the first entry does not begin this ledger',
  'the first entry quotes another ledger than the one before',
  'the first entry is of another ledger',
  'the first entry names another key than the one that is kept',
  'the ledger before did not announce this one',
]

describe('the beginning of a ledger', () => {
  it('is free for the first one', () => {
    const found = { first: undefined, origin: ORIGIN, key: undefined }

    expect(checkBeginning(undefined, found)).toEqual({ how: undefined, findings: [] })
    expect(checkBeginning({ ended: undefined, last: undefined }, found)).toEqual({
      how: undefined,
      findings: [],
    })
  })

  it('quotes the one before, which announced it', () => {
    expect(messages()).toEqual([])
  })

  it('needs no announcement where the one before was given up', () => {
    const ended = { ...before, how: 'recovered' as const }
    const first = entryOf(BEGUN, { ...note, how: 'recovered' })

    expect(messages(first, { ended, last: entryOf('change') })).toEqual([])
  })

  it.each<[string, Json | undefined, readonly (string | undefined)[]]>([
    ['says nothing', undefined, [BEGINS, LEDGER, KEY, ANNOUNCED]],
    ['says nothing but null', null, [BEGINS, LEDGER, KEY, ANNOUNCED]],
    ['says text', 'x', [BEGINS, LEDGER, KEY, ANNOUNCED]],
    ['says a list', ['x'], [BEGINS, LEDGER, KEY, ANNOUNCED]],
    ['says that the one before was given up', { ...note, how: 'recovered' }, [BEGINS]],
    ['quotes nothing', { ...note, previous: undefined }, [QUOTES]],
    ['quotes another size', { ...note, previous: { ...previous, size: 16 } }, [QUOTES]],
    ['quotes another root', { ...note, previous: { ...previous, root: '' } }, [QUOTES]],
    ['quotes no checkpoint', { ...note, previous: { ...previous, checkpoint: null } }, [QUOTES]],
    ['quotes another origin', { ...note, previous: { ...previous, origin: 'x' } }, [QUOTES]],
    ['is of another ledger', { ...note, origin: 'x' }, [LEDGER, ANNOUNCED]],
    ['names another key', { ...note, verifierKey: 'x' }, [KEY, ANNOUNCED]],
    ['names a key that is no text', { ...note, verifierKey: 1 }, [LEDGER, KEY, ANNOUNCED]],
  ])('is refused where its first entry %s', (_, said, expected) => {
    expect(messages(entryOf(BEGUN, said))).toEqual(expected)
  })

  it('is refused where its first entry is of another type', () => {
    expect(messages(entryOf('change', note))).toEqual([BEGINS])
  })

  it('is refused where there is no entry', () => {
    const found = { first: undefined, origin: ORIGIN, key }
    const { findings } = checkBeginning({ ended: before, last: announced }, found)

    expect(findings.map(({ message }) => message)).toEqual([BEGINS, LEDGER, KEY, ANNOUNCED])
  })

  it('is refused where its key is not kept', () => {
    expect(messages(undefined, { key: undefined })).toEqual([KEY])
  })

  it.each([
    ['of another type', entryOf('change', named)],
    ['that names another ledger', entryOf(SUCCEEDED, { ...named, origin: 'x' })],
    ['that names another key', entryOf(SUCCEEDED, { ...named, verifierKey: 'x' })],
    ['that names nothing', entryOf(SUCCEEDED)],
  ])('is refused behind a last entry %s', (_, last) => {
    expect(messages(undefined, { last })).toEqual([ANNOUNCED])
  })
})

describe('a ledger that an entry names', () => {
  it('is its origin and its key, and nothing else that stands there', () => {
    expect(toNamed(note)).toEqual(named)
  })

  it.each<[Json | undefined]>([
    [undefined],
    [null],
    ['x'],
    [['x']],
    [{}],
    [{ origin: ORIGIN }],
    [{ verifierKey: 'x' }],
    [{ origin: 1, verifierKey: 'x' }],
  ])('is none in %j', (said) => {
    expect(toNamed(said)).toBeUndefined()
  })
})
