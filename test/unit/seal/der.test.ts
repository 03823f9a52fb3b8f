import fc from 'fast-check'
import { expect, test } from 'vitest'

import { PlatformError } from '../../../services/model/index.ts'
import {
  encodeDer,
  integer,
  objectIdentifier,
  octetString,
  readDer,
  sequence,
  setOf,
  TAG,
  toOid,
  toTimeMs,
  type Der,
} from '../../../services/seal/index.ts'

function ruleOf(hex: string): string {
  try {
    readDer(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    return 'accepted'
  } catch (error) {
    return error instanceof PlatformError ? String(error.detail['rule']) : String(error)
  }
}

test.each([
  ['nothing', '', 'der-truncated'],
  ['a tag alone', '30', 'der-truncated'],
  ['fewer bytes than it says', '30 03 02 01', 'der-truncated'],
  ['bytes after it', '05 00 00', 'der-trailing'],
  ['an indefinite length', '30 80 00 00', 'der-indefinite'],
  ['a long length where a short one does', '04 81 01 00', 'der-length'],
  ['a length with a leading zero', '04 82 00 80' + '00'.repeat(128), 'der-length'],
  ['a length of 127 octets', '30 ff' + '01'.repeat(127), 'der-length'],
  ['a length of 2^63', '30 88 80 00 00 00 00 00 00 00', 'der-length'],
  ['a high tag number', '1f 81 01 00', 'der-tag'],
  ['a BOOLEAN of 2', '01 01 02', 'der-boolean'],
  ['a BOOLEAN of two octets', '01 02 00 00', 'der-boolean'],
  ['an empty INTEGER', '02 00', 'der-integer'],
  ['an INTEGER with a leading zero', '02 02 00 01', 'der-integer'],
  ['an INTEGER with a leading FF', '02 02 ff 80', 'der-integer'],
  ['a NULL with content', '05 01 00', 'der-null'],
  ['a BIT STRING without its count', '03 00', 'der-bit-string'],
  ['a BIT STRING of 8 unused bits', '03 02 08 00', 'der-bit-string'],
  ['a BIT STRING whose unused bits are set', '03 02 01 01', 'der-bit-string'],
  ['an OID that is cut short', '06 01 80', 'der-oid'],
  ['an OID with a padded arc', '06 03 2a 80 01', 'der-oid'],
  ['a constructed OCTET STRING', '24 03 04 01 00', 'der-form'],
  ['a primitive SEQUENCE', '10 00', 'der-form'],
  ['the end-of-contents tag', '00 00', 'der-form'],
  ['a SET that is not sorted', '31 06 02 01 02 02 01 01', 'der-order'],
])('refuses %s', (_title, hex, rule) => {
  expect(ruleOf(hex)).toBe(rule)
})

test('refuses 5,000 levels without running out of stack, and takes 64', () => {
  let deep: Uint8Array = encodeDer(TAG.null)
  for (let i = 0; i < 63; i += 1) deep = sequence(deep)

  expect(readDer(deep).tag).toBe(TAG.sequence)
  expect(ruleOf(Buffer.from(sequence(deep)).toString('hex'))).toBe('der-depth')
  expect(ruleOf('3080'.repeat(5_000) + '0000'.repeat(5_000))).toMatch(/^der-/)
})

test('answers any bytes with a value or a typed refusal, and a value is its own encoding', () => {
  const rebuild = (value: Der): Uint8Array =>
    (value.tag & 0x20) === 0
      ? encodeDer(value.tag, value.content)
      : encodeDer(value.tag, ...value.children.map(rebuild))
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      try {
        expect(Buffer.from(rebuild(readDer(bytes)))).toEqual(Buffer.from(bytes))
      } catch (error) {
        if (!(error instanceof PlatformError)) throw error
      }
    }),
    { numRuns: 5_000 },
  )
})

test('reads what it writes', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 6 }), (parts) => {
      const value = readDer(setOf(parts.map(octetString)))
      expect(value.children).toHaveLength(parts.length)
      expect(readDer(integer(Buffer.concat([Buffer.from([1]), ...parts]))).tag).toBe(TAG.integer)
    }),
  )
})

test.each([
  '1.2.840.113549.1.7.2',
  '2.5.29.19',
  '2.16.840.1.101.3.4.2.1',
  '0.9.2342.19200300.100.1.25',
  '2.999.3',
])('writes and reads the object identifier %s', (dotted) => {
  expect(toOid(readDer(objectIdentifier(dotted)))).toBe(dotted)
})

function timeOf(tag: number, text: string): () => number {
  return () => toTimeMs(readDer(encodeDer(tag, Buffer.from(text))))
}

test('reads the times that RFC 5280 allows', () => {
  expect(timeOf(TAG.utcTime, '260601120000Z')()).toBe(Date.UTC(2026, 5, 1, 12))
  expect(timeOf(TAG.utcTime, '500101000000Z')()).toBe(Date.UTC(1950, 0, 1))
  expect(timeOf(TAG.utcTime, '491231235959Z')()).toBe(Date.UTC(2049, 11, 31, 23, 59, 59))
  expect(timeOf(TAG.generalizedTime, '20500101000000Z')()).toBe(Date.UTC(2050, 0, 1))
})

test.each([
  [TAG.utcTime, '2606011200Z'],
  [TAG.utcTime, '260601120000+0000'],
  [TAG.utcTime, '260230120000Z'],
  [TAG.utcTime, '261301120000Z'],
  [TAG.utcTime, '260601240000Z'],
  [TAG.generalizedTime, '20260601120000Z'],
  [TAG.generalizedTime, '20500101000000.5Z'],
  [TAG.octetString, '260601120000Z'],
])('refuses the time %s `%s`', (tag, text) => {
  expect(timeOf(tag, text)).toThrow(PlatformError)
})
