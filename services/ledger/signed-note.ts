import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'

import { PlatformError } from '../model/index.ts'

/** C2SP: what a key signs, by the algorithm byte that its id and its text form hold. */
export const KEY_TYPES = { note: 0x01, cosignature: 0x04 } as const
export type KeyType = keyof typeof KEY_TYPES
/** RFC 8032: an Ed25519 public key, which stands last in its SubjectPublicKeyInfo (RFC 8410). */
const KEY_BYTES = 32
const SIGNATURES_LIMIT = 100
const NOTE_LIMIT_CHARS = 65_536

/** A key by which notes are verified; its name and id stand on the signature line. */
export interface NoteKey {
  readonly name: string
  /** 8 hex digits: the first four bytes of SHA-256(name, line feed, algorithm, public key). */
  readonly id: string
  readonly type: KeyType
  readonly publicKey: KeyObject
}

export interface NoteSignature {
  readonly name: string
  readonly id: string
  readonly bytes: Uint8Array
}

export interface SignedNote {
  /** What is signed, with its last line feed. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** @throws PlatformError INVALID_PARAMETER where the PEM holds no Ed25519 public key, or the name is none */
export function noteKey(name: string, publicKeyPem: string, type: KeyType = 'note'): NoteKey {
  return keyOf(name, rawPublicKey(publicKeyPem), type)
}

/** `name+1a2b3c4d+base64`, C2SP's form of a verifier key. @throws PlatformError INVALID_PARAMETER */
export function parseVerifierKey(text: string, type: KeyType = 'note'): NoteKey {
  const match = /^([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/.exec(text.trim())
  const [, name = '', id = '', encoded = ''] = match ?? []
  const bytes = Buffer.from(encoded, 'base64')
  if (match === null || bytes.length !== 1 + KEY_BYTES || bytes.toString('base64') !== encoded)
    throw refuseKey()
  if (bytes[0] !== KEY_TYPES[type]) throw refuseKey()
  const key = keyOf(name, bytes.subarray(1), type)
  if (key.id !== id) throw refuseKey()
  return key
}

export function formatVerifierKey(key: NoteKey): string {
  const bytes = Buffer.concat([Buffer.of(KEY_TYPES[key.type]), rawOf(key.publicKey)])
  return `${key.name}+${key.id}+${bytes.toString('base64')}`
}

/** The note with a signature that somebody else made over exactly `text`. */
export function formatNote(text: string, signatures: readonly NoteSignature[]): string {
  return `${text}\n${signatures.map(formatSignatureLine).join('')}`
}

/** With its line feed. */
export function formatSignatureLine({ name, id, bytes }: NoteSignature): string {
  const encoded = Buffer.concat([Buffer.from(id, 'hex'), bytes]).toString('base64')
  return `— ${name} ${encoded}\n`
}

/** @throws PlatformError INVALID_PARAMETER where it is no signed note */
export function parseNote(note: string): SignedNote {
  // oxlint-disable-next-line no-control-regex -- the format allows no control character but the line feed
  const foreign = /[\u0000-\u0009\u000b-\u001f\u007f]/
  const split = note.lastIndexOf('\n\n')
  if (note.length > NOTE_LIMIT_CHARS || !note.isWellFormed() || foreign.test(note) || split < 0)
    throw refuseNote()
  const lines = note.slice(split + 2).split('\n')
  // The last signature line ends in a line feed, too.
  if (lines.pop() !== '' || lines.length === 0 || lines.length > SIGNATURES_LIMIT)
    throw refuseNote()
  return { text: note.slice(0, split + 1), signatures: lines.map(parseSignatureLine) }
}

function parseSignatureLine(line: string): NoteSignature {
  const match = /^— ([^+\s]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line)
  const [, name = '', encoded = ''] = match ?? []
  const bytes = Buffer.from(encoded, 'base64')
  if (match === null || bytes.length < 5 || bytes.toString('base64') !== encoded) throw refuseNote()
  return { name, id: bytes.subarray(0, 4).toString('hex'), bytes: bytes.subarray(4) }
}

/**
 * Whether that key signed the note. Signatures by other keys are passed over; one that carries this key's name and
 * id and does not verify spoils the note, as C2SP asks.
 */
export function isSignedBy(note: SignedNote, key: NoteKey): boolean {
  const own = note.signatures.filter(({ name, id }) => name === key.name && id === key.id)
  const text = Buffer.from(note.text)
  return own.length > 0 && own.every(({ bytes }) => verify(null, text, key.publicKey, bytes))
}

function keyOf(name: string, raw: Uint8Array, type: KeyType): NoteKey {
  if (!/^[^+\s]+$/.test(name)) throw refuseKey()
  const id = createHash('sha256')
    .update(`${name}\n`)
    .update(Buffer.of(KEY_TYPES[type]))
    .update(raw)
    .digest('hex')
    .slice(0, 8)
  const x = Buffer.from(raw).toString('base64url')
  const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  return { name, id, type, publicKey }
}

function rawPublicKey(pem: string): Buffer {
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return rawOf(key)
  } catch (cause) {
    throw refuseKey(cause)
  }
  throw refuseKey()
}

function rawOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-KEY_BYTES)
}

function refuseKey(cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', 'this is no Ed25519 key of a log or witness', {
    cause,
  })
}

function refuseNote(): PlatformError {
  return new PlatformError('INVALID_PARAMETER', 'this is no signed note')
}
