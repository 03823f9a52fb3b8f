import { generateKeyPairSync, sign } from 'node:crypto'

import {
  encodeCosignature,
  cosignedText,
  noteKey,
  type KeyType,
  type NoteKey,
  type NoteSignature,
} from '../../services/ledger/index.ts'

export interface NoteSigner {
  readonly key: NoteKey
  /** Of the public key. */
  readonly pem: string
  sign(text: string): NoteSignature
  cosign(text: string, timestampSeconds: number): NoteSignature
}

/** A throw-away key of a log or witness. */
export function noteSigner(name: string, type: KeyType = 'note'): NoteSigner {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const key = noteKey(name, pem, type)
  const raw = (text: string): Buffer => sign(null, Buffer.from(text), privateKey)
  return {
    key,
    pem,
    sign: (text) => ({ name, id: key.id, bytes: raw(text) }),
    cosign: (text, seconds) => ({
      name,
      id: key.id,
      bytes: encodeCosignature(seconds, raw(cosignedText(text, seconds))),
    }),
  }
}
