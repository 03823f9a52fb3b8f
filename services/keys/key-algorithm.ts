import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'

import { PlatformError } from '../model/index.ts'

/** ECDSA where others' formats ask for it: certificates, RFC 3161 tokens, SCTs (RFC 6962 §2.1.4 knows no Ed25519). */
export type KeyAlgorithm = 'ed25519' | 'ecdsa-p256' | 'ecdsa-p384'

/** A key the service keeps, for one purpose. */
export interface Signer {
  readonly purpose: string
  readonly algorithm: KeyAlgorithm
  /** SubjectPublicKeyInfo. */
  readonly publicKeyPem: string
  /** Over exactly these bytes: Ed25519, or ECDSA in DER with SHA-256 (P-256) or SHA-384 (P-384). */
  sign(bytes: Uint8Array): Uint8Array
}

const ALGORITHMS = {
  ed25519: { type: 'ed25519', curve: undefined, hash: null },
  'ecdsa-p256': { type: 'ec', curve: 'prime256v1', hash: 'sha256' },
  'ecdsa-p384': { type: 'ec', curve: 'secp384r1', hash: 'sha384' },
} as const

export function generateKey(algorithm: KeyAlgorithm): {
  publicKey: KeyObject
  privateKey: KeyObject
} {
  const { curve } = ALGORITHMS[algorithm]
  return curve === undefined
    ? generateKeyPairSync('ed25519')
    : generateKeyPairSync('ec', { namedCurve: curve })
}

/** @throws PlatformError INTERNAL where the key is of another algorithm than its purpose wants */
export function signerOf(purpose: string, algorithm: KeyAlgorithm, key: KeyObject): Signer {
  const { type, curve, hash } = ALGORITHMS[algorithm]
  if (key.asymmetricKeyType !== type || key.asymmetricKeyDetails?.namedCurve !== curve)
    throw new PlatformError('INTERNAL', `the \`${purpose}\` key is no ${algorithm} key`)
  const publicKeyPem = createPublicKey(key).export({ format: 'pem', type: 'spki' }).toString()
  return { purpose, algorithm, publicKeyPem, sign: (bytes) => sign(hash, bytes, key) }
}
