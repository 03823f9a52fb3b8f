import { generateKeyPairSync, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'

import {
  EMPTY_ROOT,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  isSignedBy,
  leafHash,
  noteKey,
  parseCheckpoint,
  parseNote,
  parseVerifierKey,
} from '../../../services/ledger/index.ts'

const NAME = 'lacre.test/log'

function makeKey(name = NAME) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const key = noteKey(name, pem)
  const signText = (text: string) => ({
    name,
    id: key.id,
    bytes: sign(null, Buffer.from(text), privateKey),
  })
  return { key, pem, signText }
}

const text = formatCheckpoint({ origin: NAME, size: 17, root: leafHash('x') })

describe('signed notes', () => {
  it('verifies the note by which the first implementation tests itself', () => {
    const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
    const note = `If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
`

    expect(isSignedBy(parseNote(note), parseVerifierKey(vkey))).toBe(true)
    expect(isSignedBy(parseNote(note.replace('know', 'knew')), parseVerifierKey(vkey))).toBe(false)
    expect(formatVerifierKey(parseVerifierKey(vkey))).toBe(vkey)
  })

  it('refuses a verifier key of which any character is another', () => {
    const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
    for (let at = 0; at < vkey.length; at += 1) {
      const next = String.fromCharCode(vkey.charCodeAt(at) + 1)
      const changed = vkey.slice(0, at) + next + vkey.slice(at + 1)
      expect(() => parseVerifierKey(changed)).toThrow(/no Ed25519 key/)
    }
  })

  it('is signed by its key and by no other', () => {
    const ours = makeKey()
    const other = makeKey()
    const note = parseNote(formatNote(text, [other.signText(text), ours.signText(text)]))

    expect(isSignedBy(note, ours.key)).toBe(true)
    expect(isSignedBy(note, makeKey().key)).toBe(false)
    expect(isSignedBy(parseNote(formatNote(text, [other.signText(text)])), ours.key)).toBe(false)
  })

  it('is spoiled by one signature of the key that does not verify', () => {
    const ours = makeKey()
    const bad = { ...ours.signText(text), bytes: Buffer.alloc(64) }

    const note = parseNote(formatNote(text, [ours.signText(text), bad]))

    expect(isSignedBy(note, ours.key)).toBe(false)
  })

  it('is not signed once a byte of the text changed', () => {
    const ours = makeKey()
    const note = formatNote(text, [ours.signText(text)])

    expect(isSignedBy(parseNote(note.replace('\n17\n', '\n18\n')), ours.key)).toBe(false)
  })

  it('round-trips a verifier key and refuses one whose id does not fit', () => {
    const { key } = makeKey()
    const formatted = formatVerifierKey(key)

    expect(parseVerifierKey(formatted).id).toBe(key.id)
    expect(() => parseVerifierKey(formatted.replace(NAME, 'other'))).toThrow(/no Ed25519 key/)
    expect(() => parseVerifierKey('nonsense')).toThrow(/no Ed25519 key/)
  })

  it('takes no key of another kind', () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()

    expect(() => noteKey(NAME, pem)).toThrow(/no Ed25519 key/)
    expect(() => noteKey(NAME, 'not a key')).toThrow(/no Ed25519 key/)
    expect(() => noteKey('a name', makeKey().pem)).toThrow(/no Ed25519 key/)
  })

  it.each([
    ['no signatures', 'a\nb\n'],
    ['no last line feed', 'a\n\n— x AAAAAAAA'],
    ['nothing after the blank line', 'a\n\n'],
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
    expect(() => parseNote(note)).toThrow(/no signed note/)
  })
})

describe('checkpoints', () => {
  it('says again what was signed', () => {
    const { signText } = makeKey()

    const parsed = parseCheckpoint(formatNote(text, [signText(text)]))

    expect(parsed).toMatchObject({ origin: NAME, size: 17, root: leafHash('x') })
  })

  it.each([
    ['a size with a leading zero', 'o\n017\nROOT\n'],
    ['a negative size', 'o\n-1\nROOT\n'],
    ['a size beyond exact numbers', 'o\n9999999999999999\nROOT\n'],
    ['no origin', '\n1\nROOT\n'],
    ['a root of another length', 'o\n1\nAAAA\n'],
    ['a root that is not canonical base64', `o\n1\n${'A'.repeat(42)}B=\n`],
    ['no root', 'o\n1\n'],
  ])('refuses %s', (_, body) => {
    const { signText } = makeKey()
    const filled = body.replace('ROOT', Buffer.from(EMPTY_ROOT, 'hex').toString('base64'))

    expect(() => parseCheckpoint(formatNote(filled, [signText(filled)]))).toThrow(/no checkpoint/)
  })
})
