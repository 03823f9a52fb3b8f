import { createHash, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'

import {
  EMPTY_ROOT,
  formatSignatureLine,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  isSignedBy,
  leafHash,
  noteKey,
  parseCheckpoint,
  parseNote,
  parseCheckpointText,
  parseVerifierKey,
  type KeyType,
} from '../../../services/ledger/index.ts'
import { noteSigner } from '../../support/checkpoints.ts'

const refusal = (message: string) =>
  expect.objectContaining({ code: 'INVALID_PARAMETER', message }) as Error
const NO_KEY = refusal('this is no Ed25519 key of a log or witness')
const NO_NOTE = refusal('this is no signed note')
const NO_CHECKPOINT = refusal('this is no checkpoint of a log')

const NAME = 'lacre.test/log'
/** By which the first implementation tests itself. */
const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
/** A verifier key of these bytes, under the id that they have. */
function vkeyOf(bytes: Uint8Array, name = NAME): string {
  const id = createHash('sha256').update(`${name}\n`).update(bytes).digest('hex').slice(0, 8)
  return `${name}+${id}+${Buffer.from(bytes).toString('base64')}`
}

const text = formatCheckpoint({ origin: NAME, size: 17, root: leafHash('x') })

describe('signed notes', () => {
  it('verifies the note by which the first implementation tests itself', () => {
    const note = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`

    expect(isSignedBy(parseNote(note), parseVerifierKey(vkey))).toBe(true)
    expect(isSignedBy(parseNote(note.replace('know', 'knew')), parseVerifierKey(vkey))).toBe(false)
    expect(formatVerifierKey(parseVerifierKey(vkey))).toBe(vkey)
  })

  it('refuses a verifier key of which any character is another', () => {
    for (let at = 0; at < vkey.length; at += 1) {
      const next = String.fromCharCode(vkey.charCodeAt(at) + 1)
      const changed = vkey.slice(0, at) + next + vkey.slice(at + 1)
      expect(() => parseVerifierKey(changed)).toThrow(NO_KEY)
    }
  })

  it.each([
    ['something in front', `x ${vkey}`],
    ['something behind', `${vkey} x`],
    ['padding that it does not need', `${vkey}=`],
    ['a byte too few', vkeyOf(Buffer.alloc(32, 1))],
    ['a byte too many', vkeyOf(Buffer.alloc(34, 1))],
    ['no bytes', vkeyOf(Buffer.alloc(0))],
    ['an unknown algorithm', vkeyOf(Buffer.alloc(33, 2))],
    ['no name', vkeyOf(Buffer.alloc(33, 1), '')],
    ['a plus in its name', vkeyOf(Buffer.alloc(33, 1), 'a+b')],
    ['white space in its name', vkeyOf(Buffer.alloc(33, 1), 'a\u00a0b')],
    ['an id in capitals', vkey.replace('c74f20a3', 'C74F20A3')],
    ['a part missing', vkey.replace('+c74f20a3', '')],
  ])('refuses a verifier key with %s', (_, key) => {
    expect(() => parseVerifierKey(key)).toThrow(NO_KEY)
  })

  it('reads a verifier key as a file holds it, with white space about it', () => {
    expect(parseVerifierKey(` ${vkey}\n`).id).toBe('c74f20a3')
  })

  it.each<[KeyType, number]>([
    ['note', 0x01],
    ['cosignature', 0x04],
  ])('tells a key for a %s by the byte %i, and takes none for another', (type, algorithm) => {
    const { key } = noteSigner(NAME, type)
    const formatted = formatVerifierKey(key)

    expect(Buffer.from(formatted.split('+').slice(2).join('+'), 'base64')[0]).toBe(algorithm)
    expect(parseVerifierKey(formatted, type)).toMatchObject({ name: NAME, id: key.id, type })
    expect(() => parseVerifierKey(formatted, type === 'note' ? 'cosignature' : 'note')).toThrow(
      NO_KEY,
    )
  })

  it('gives one key two ids, by what it signs', () => {
    const { pem } = noteSigner(NAME)

    expect(noteKey(NAME, pem, 'cosignature').id).not.toBe(noteKey(NAME, pem).id)
    expect(noteKey(NAME, pem).type).toBe('note')
  })

  it('is signed by its key and by no other', () => {
    const ours = noteSigner(NAME)
    const other = noteSigner(NAME)
    const note = parseNote(formatNote(text, [other.sign(text), ours.sign(text)]))

    expect(isSignedBy(note, ours.key)).toBe(true)
    expect(isSignedBy(note, noteSigner(NAME).key)).toBe(false)
    expect(isSignedBy(parseNote(formatNote(text, [other.sign(text)])), ours.key)).toBe(false)
  })

  it('is spoiled by one signature of the key that does not verify', () => {
    const ours = noteSigner(NAME)
    const bad = { ...ours.sign(text), bytes: Buffer.alloc(64) }

    const note = parseNote(formatNote(text, [ours.sign(text), bad]))

    expect(isSignedBy(note, ours.key)).toBe(false)
  })

  it('is signed by nobody under another name with the same id', () => {
    const ours = noteSigner(NAME)
    const renamed = { ...ours.sign(text), name: 'other' }

    expect(isSignedBy(parseNote(formatNote(text, [renamed])), ours.key)).toBe(false)
    expect(isSignedBy(parseNote(formatNote(text, [renamed, ours.sign(text)])), ours.key)).toBe(true)
  })

  it('passes over a signature of the same name by another key', () => {
    const ours = noteSigner(NAME)
    const before = noteSigner(NAME)

    const note = parseNote(formatNote(text, [before.sign('x'), ours.sign(text)]))

    expect(isSignedBy(note, ours.key)).toBe(true)
    expect(isSignedBy(note, before.key)).toBe(false)
  })

  it('is not signed once a byte of the text changed', () => {
    const ours = noteSigner(NAME)
    const note = formatNote(text, [ours.sign(text)])

    expect(isSignedBy(parseNote(note.replace('\n17\n', '\n18\n')), ours.key)).toBe(false)
  })

  it('round-trips a verifier key and refuses one whose id does not fit', () => {
    const { key } = noteSigner(NAME)
    const formatted = formatVerifierKey(key)

    expect(parseVerifierKey(formatted).id).toBe(key.id)
    expect(() => parseVerifierKey(formatted.replace(NAME, 'other'))).toThrow(NO_KEY)
    expect(() => parseVerifierKey('nonsense')).toThrow(NO_KEY)
  })

  it('takes no key of another kind', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()

    expect(() => noteKey(NAME, pem)).toThrow(NO_KEY)
    expect(() => noteKey(NAME, 'not a key')).toThrow(NO_KEY)
  })

  it('says why a PEM could not be read', () => {
    const cause = expect.objectContaining({ code: 'ERR_OSSL_UNSUPPORTED' }) as Error

    expect(() => noteKey(NAME, 'not a key')).toThrow(expect.objectContaining({ cause }))
  })

  it.each(['', 'a name', 'a+b', 'a\nb', ' a', 'a '])('takes no key under the name %j', (name) => {
    expect(() => noteKey(name, noteSigner(NAME).pem)).toThrow(NO_KEY)
  })

  it('is read line by line: what is signed, then who signed', () => {
    const line = '— x AAECAwQF\n'
    const signature = { name: 'x', id: '00010203', bytes: Buffer.of(4, 5) }

    expect(parseNote(`a\n\nb\n\n${line}— y.z/é AAECAwQ=\n`)).toEqual({
      text: 'a\n\nb\n',
      signatures: [signature, { name: 'y.z/é', id: '00010203', bytes: Buffer.of(4) }],
    })
    expect(parseNote(`\n\n${line}`)).toEqual({ text: '\n', signatures: [signature] })
    expect(formatSignatureLine(signature)).toBe(line)
    expect(formatNote('a\n', [signature])).toBe(`a\n\n${line}`)
  })

  it('is read up to the largest, and with as many signatures as it may have', () => {
    const largest = `${'a'.repeat(65_536 - 15)}\n\n— x AAAAAAAA\n`

    expect(largest).toHaveLength(65_536)
    expect(parseNote(largest).signatures).toHaveLength(1)
    expect(() => parseNote(`a${largest}`)).toThrow(NO_NOTE)
    expect(parseNote(`a\n\n${'— x AAAAAAAA\n'.repeat(100)}`).signatures).toHaveLength(100)
  })

  it.each([
    ['no signatures', 'a\nb\n'],
    ['no last line feed', 'a\n\n— x AAAAAAAA'],
    ['nothing after the blank line', 'a\n\n'],
    ['no empty line', 'a\n— x AAAAAAAA\n'],
    ['no line feed before who signed', 'a— x AAAAAAAA\n'],
    ['nothing at all', ''],
    ['something before the dash', 'a\n\nx — x AAAAAAAA\n'],
    ['something behind the signature', 'a\n\n— x AAAAAAAA x\n'],
    ['a signature without a name', 'a\n\n—  AAAAAAAA\n'],
    ['a plus in the name', 'a\n\n— x+y AAAAAAAA\n'],
    ['white space in the name', 'a\n\n— x\u00a0y AAAAAAAA\n'],
    ['a carriage return', 'a\r\n\n— x AAAAAAAA\n'],
    ['a delete character', 'a\u007f\n\n— x AAAAAAAA\n'],
    ['a foreign line among the signatures', 'a\n\nhello\n'],
    ['a hyphen for the dash', 'a\n\n- x AAAAAAAA\n'],
    ['a signature that is not canonical base64', 'a\n\n— x AAAAAAB=\n'],
    ['a signature without bytes', 'a\n\n— x AAAAAA==\n'],
    ['a control character', 'a\u0000\n\n— x AAAAAAAA\n'],
    ['a tab', 'a\tb\n\n— x AAAAAAAA\n'],
    ['a lone surrogate', 'a\ud800\n\n— x AAAAAAAA\n'],
    ['a note too long', `${'a'.repeat(70_000)}\n\n— x AAAAAAAA\n`],
    ['too many signatures', `a\n\n${'— x AAAAAAAA\n'.repeat(101)}`],
  ])('refuses %s', (_, note) => {
    expect(() => parseNote(note)).toThrow(NO_NOTE)
  })
})

describe('checkpoints', () => {
  it('says again what was signed', () => {
    const signer = noteSigner(NAME)

    const parsed = parseCheckpoint(formatNote(text, [signer.sign(text)]))

    expect(parsed).toMatchObject({ origin: NAME, size: 17, root: leafHash('x') })
  })

  it('is read as C2SP tlog-checkpoint shows one', () => {
    const body =
      'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'

    const checkpoint = parseCheckpointText(body)

    expect(checkpoint).toEqual({
      origin: 'example.com/behind-the-sofa',
      size: 20852163,
      root: '0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62',
    })
    expect(formatCheckpoint(checkpoint)).toBe(body)
  })

  it.each(['', 'o', 'o\n1'])('is none of too few lines: %j', (lines) => {
    expect(() => parseCheckpointText(lines)).toThrow(NO_CHECKPOINT)
  })

  it.each([0, 1, Number.MAX_SAFE_INTEGER])('is read of size %d, extensions or not', (size) => {
    const checkpoint = { origin: NAME, size, root: leafHash('x') }

    expect(parseCheckpointText(formatCheckpoint(checkpoint))).toEqual(checkpoint)
    expect(parseCheckpointText(`${formatCheckpoint(checkpoint)}more\n`)).toEqual(checkpoint)
  })

  it.each([
    ['a size with a leading zero', 'o\n017\nROOT\n'],
    ['a negative size', 'o\n-1\nROOT\n'],
    ['a size beyond exact numbers', 'o\n9999999999999999\nROOT\n'],
    ['no origin', '\n1\nROOT\n'],
    ['a root of another length', 'o\n1\nAAAA\n'],
    ['a root that is not canonical base64', `o\n1\n${'A'.repeat(42)}B=\n`],
    ['no root', 'o\n1\n'],
    ['no size', 'o\n'],
    ['an empty size', 'o\n\nROOT\n'],
    ['more digits than a size can have', 'o\n10000000000000000\nROOT\n'],
    ['something behind the size', 'o\n1 \nROOT\n'],
    ['something before the size', 'o\n 1\nROOT\n'],
    ['white space behind the root', 'o\n1\nROOT \n'],
    ['a root of 33 bytes', `o\n1\n${'A'.repeat(44)}\n`],
  ])('refuses %s', (_, body) => {
    const signer = noteSigner(NAME)
    const filled = body.replace('ROOT', Buffer.from(EMPTY_ROOT, 'hex').toString('base64'))

    expect(() => parseCheckpoint(formatNote(filled, [signer.sign(filled)]))).toThrow(NO_CHECKPOINT)
  })
})
