import { describe, expect, it } from 'vitest'

import { parseEntry } from '../../../services/ledger/index.ts'
import { limits } from '../../../services/model/index.ts'
import { entryText } from '../../support/ledger-entries.ts'

const digest = '0123456789abcdef'.repeat(4)
const change = (more: object = {}) => ({ table: 't', key: { a: 'x' }, sha256: digest, ...more })
const withChange = (more: object) => entryText({ changes: [change(more)] })

/** An entry of so many bytes. */
function entryOf(bytes: number): string {
  const empty = entryText({ note: '' })
  return entryText({ note: 'x'.repeat(bytes - empty.length) })
}

describe('parsing an entry', () => {
  it.each<[string, object]>([
    ['that changed nothing', {}],
    ['with a note', { note: { a: [1, null] } }],
    ['with an empty note', { note: null }],
    ['at the beginning', { index: 0, at: 0 }],
    ['far on', { index: Number.MAX_SAFE_INTEGER, at: Number.MAX_SAFE_INTEGER }],
    ['with a row that changed', { changes: [change()] }],
    ['with a row that was deleted', { changes: [change({ sha256: null })] }],
    ['with a key of numbers and text', { changes: [change({ key: { a: 'x', b: 2 } })] }],
    ['with rows of several tables', { changes: [change(), change({ table: 'u' })] }],
  ])('reads one %s', (_, more) => {
    const body = entryText(more)

    expect(parseEntry(body)).toEqual(JSON.parse(body))
  })

  it('reads as much as a tile holds, in bytes, and no more', () => {
    const largest = entryOf(limits.LEDGER_ENTRY_LIMIT_BYTES)

    expect(parseEntry(largest)).toBeDefined()
    expect(parseEntry(entryOf(limits.LEDGER_ENTRY_LIMIT_BYTES + 1))).toBeUndefined()
    expect(parseEntry(largest.replace('x', 'é'))).toBeUndefined()
  })

  it.each([
    ['white space', ` ${entryText()}`],
    ['white space behind it', `${entryText()}\n`],
    ['another order of members', entryText().replace('{', '{"v":1,').replace(',"v":1}', '}')],
    ['a member twice', entryText().replace('{', '{"action":"b",')],
    ['a member too many', entryText({ extra: 1 })],
    ['a member too few', entryText({ world: undefined })],
    ['a member under another name', entryText({ world: undefined, wor1d: 0 })],
    ['a list for an object', '[]'],
    ['text for an object', '"x"'],
    ['null for an object', 'null'],
    ['no JSON', '{'],
    ['nothing', ''],
    ['another version', entryText({ v: 2 })],
    ['a version that is text', entryText({ v: '1' })],
    ['a negative index', entryText({ index: -1 })],
    ['a fraction of an index', entryText({ index: 0.5 })],
    ['an index beyond exact numbers', entryText({ index: 2 ** 53 })],
    ['an index that is text', entryText({ index: '1' })],
    ['a time that is text', entryText({ at: '1' })],
    ['a time before 1970', entryText({ at: -1 })],
    ['an origin that is none', entryText({ origin: 1 })],
    ['changes that are no list', entryText({ changes: {} })],
    ['a change that is null', entryText({ changes: [null] })],
    ['a change that is a list', entryText({ changes: [[]] })],
    ['a change that is text', entryText({ changes: ['x'] })],
    ['one sound change and one that is none', entryText({ changes: [change(), {}] })],
    ['a change of no table', withChange({ table: undefined })],
    ['a change of a table that is no name', withChange({ table: 1 })],
    ['a change without a key', withChange({ key: undefined })],
    ['a change with a key that is a list', withChange({ key: ['x'] })],
    ['a change with a key that is null', withChange({ key: null })],
    ['a change with a list in its key', withChange({ key: { a: [] } })],
    ['a change with null in its key', withChange({ key: { a: 'x', b: null } })],
    ['a change with a boolean in its key', withChange({ key: { a: true } })],
    ['a change without a digest', withChange({ sha256: undefined })],
    ['a change with a digest that is a number', withChange({ sha256: 1 })],
    ['a change with a digest in a list', withChange({ sha256: [digest] })],
    ['a change with a digest too short', withChange({ sha256: digest.slice(1) })],
    ['a change with a digest too long', withChange({ sha256: `${digest}0` })],
    ['a change with more before its digest', withChange({ sha256: `0${digest}` })],
    ['a change with a digest in capitals', withChange({ sha256: digest.toUpperCase() })],
  ])('refuses %s', (_, body) => {
    expect(parseEntry(body)).toBeUndefined()
  })
})
