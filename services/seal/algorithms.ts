import { DerCursor, toOid, toSmallInteger } from './der-cursor.ts'
import { TAG, type Der } from './der-reader.ts'
import {
  derNull,
  encodeDer,
  objectIdentifier,
  octetString,
  sequence,
  smallInteger,
} from './der-writer.ts'
import { malformed } from './refusal.ts'

/** The digests that count. SHA-1 and MD5 are none (RULES §4). */
export type HashName = 'sha256' | 'sha384' | 'sha512'

/** How a signature is to be computed, with nothing left to the verifier's choice. */
export type SignatureScheme =
  | { readonly kind: 'rsa-pkcs1'; readonly hash: HashName }
  | { readonly kind: 'rsa-pss'; readonly hash: HashName; readonly saltBytes: number }
  | { readonly kind: 'ecdsa'; readonly hash: HashName }
  | { readonly kind: 'ed25519' }

export const OID = {
  rsaEncryption: '1.2.840.113549.1.1.1',
  rsaPss: '1.2.840.113549.1.1.10',
  mgf1: '1.2.840.113549.1.1.8',
  ed25519: '1.3.101.112',
  ecPublicKey: '1.2.840.10045.2.1',
} as const

const HASH_OIDS: Readonly<Record<HashName, string>> = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
}
const RSA_OIDS: Readonly<Record<string, HashName>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
}
const ECDSA_OIDS: Readonly<Record<HashName, string>> = {
  sha256: '1.2.840.10045.4.3.2',
  sha384: '1.2.840.10045.4.3.3',
  sha512: '1.2.840.10045.4.3.4',
}
const WEAK: Readonly<Record<string, string>> = {
  '1.2.840.113549.2.5': 'MD5',
  '1.3.14.3.2.26': 'SHA-1',
  '2.16.840.1.101.3.4.2.4': 'SHA-224',
  '1.2.840.113549.1.1.4': 'MD5 with RSA',
  '1.2.840.113549.1.1.5': 'SHA-1 with RSA',
  '1.2.840.10045.4.1': 'SHA-1 with ECDSA',
  '1.2.840.10045.4.3.1': 'SHA-224 with ECDSA',
  '1.2.840.10040.4.3': 'SHA-1 with DSA',
}

function refuseAlgorithm(oid: string): Error {
  const weak = WEAK[oid]
  return weak === undefined
    ? malformed('unknown-algorithm', `the algorithm \`${oid}\` is not one that is accepted`)
    : malformed('weak-algorithm', `the algorithm ${weak} is refused`)
}

/** A digest AlgorithmIdentifier, parameters absent or NULL (RFC 5754 §2). @throws PlatformError INVALID_SEAL */
export function parseDigestAlgorithm(value: Der): HashName {
  const cursor = new DerCursor(value, TAG.sequence, 'a digest algorithm')
  const oid = toOid(cursor.any())
  cursor.optional(TAG.null)
  cursor.end()
  return hashOf(oid)
}

function hashOf(oid: string): HashName {
  if (oid === HASH_OIDS.sha256) return 'sha256'
  if (oid === HASH_OIDS.sha384) return 'sha384'
  if (oid === HASH_OIDS.sha512) return 'sha512'
  throw refuseAlgorithm(oid)
}

/** RFC 8017 §9.2: what PKCS#1 v1.5 signs, for holders of keys that take it ready-made. */
export function encodeDigestInfo(hash: HashName, digest: Uint8Array): Uint8Array {
  return sequence(sequence(objectIdentifier(HASH_OIDS[hash]), derNull()), octetString(digest))
}

export function encodeDigestAlgorithm(hash: HashName): Uint8Array {
  return sequence(objectIdentifier(HASH_OIDS[hash]))
}

/**
 * A signature AlgorithmIdentifier. CMS writes RSA as plain `rsaEncryption` and names the digest elsewhere (some write
 * `id-ecPublicKey` alike): `digest` supplies it there. Parameters of ecdsa-with-SHA* must be absent (RFC 5758 §3.2; PKI.js 464 let them pass).
 * @throws PlatformError INVALID_SEAL
 */
export function parseSignatureAlgorithm(value: Der, digest?: HashName): SignatureScheme {
  const cursor = new DerCursor(value, TAG.sequence, 'a signature algorithm')
  const oid = toOid(cursor.any())
  if (oid === OID.rsaPss) {
    const parameters = cursor.take(TAG.sequence, 'PSS parameters')
    cursor.end()
    return parsePss(parameters)
  }
  const scheme = simpleScheme(oid, digest)
  if (scheme.kind === 'rsa-pkcs1') cursor.take(TAG.null, 'NULL parameters')
  // Android's signers write NULL after the key's own identifier
  if (oid === OID.ecPublicKey) cursor.optional(TAG.null)
  cursor.end()
  return scheme
}

function simpleScheme(oid: string, digest: HashName | undefined): SignatureScheme {
  if (oid === OID.ed25519) return { kind: 'ed25519' }
  if (oid === OID.rsaEncryption && digest !== undefined) return { kind: 'rsa-pkcs1', hash: digest }
  if (oid === OID.ecPublicKey && digest !== undefined) return { kind: 'ecdsa', hash: digest }
  const rsa = RSA_OIDS[oid]
  if (rsa !== undefined) return { kind: 'rsa-pkcs1', hash: rsa }
  for (const hash of ['sha256', 'sha384', 'sha512'] as const) {
    if (ECDSA_OIDS[hash] === oid) return { kind: 'ecdsa', hash }
  }
  throw refuseAlgorithm(oid)
}

/** RFC 4055 §3.1. The defaults are SHA-1 and so never stand; MGF1 takes the same digest (Node can set no other). */
function parsePss(value: Der): SignatureScheme {
  const cursor = new DerCursor(value, TAG.sequence, 'PSS parameters')
  const hashField = cursor.explicit(0xa0, 'a PSS parameter')
  const maskField = cursor.explicit(0xa1, 'a PSS parameter')
  const saltField = cursor.explicit(0xa2, 'a PSS parameter')
  cursor.end()
  if (hashField === undefined || maskField === undefined)
    throw malformed('weak-algorithm', 'PSS with its default digest SHA-1 is refused')
  const hash = parseDigestAlgorithm(hashField)
  const mask = new DerCursor(maskField, TAG.sequence, 'the PSS mask')
  if (toOid(mask.any()) !== OID.mgf1)
    throw malformed('unknown-algorithm', 'the PSS mask is not MGF1')
  const maskHash = parseDigestAlgorithm(mask.take(TAG.sequence, 'digest'))
  mask.end()
  if (maskHash !== hash)
    throw malformed('unknown-algorithm', 'PSS with two different digests is refused')
  const saltBytes = saltField === undefined ? 20 : toSmallInteger(saltField, 'the PSS salt length')
  if (saltBytes > 512) throw malformed('unknown-algorithm', 'the PSS salt is too long')
  return { kind: 'rsa-pss', hash, saltBytes }
}

/** The one form in which seals of the block name their algorithm; CMS names RSA by the key alone, as OpenSSL does. */
export function encodeSignatureAlgorithm(scheme: SignatureScheme): Uint8Array {
  switch (scheme.kind) {
    case 'ed25519':
      return sequence(objectIdentifier(OID.ed25519))
    case 'rsa-pkcs1':
      return sequence(objectIdentifier(OID.rsaEncryption), derNull())
    case 'ecdsa':
      return sequence(objectIdentifier(ECDSA_OIDS[scheme.hash]))
    case 'rsa-pss': {
      const hash = sequence(objectIdentifier(HASH_OIDS[scheme.hash]), derNull())
      const salt = scheme.saltBytes === 20 ? [] : [encodeDer(0xa2, smallInteger(scheme.saltBytes))]
      return sequence(
        objectIdentifier(OID.rsaPss),
        sequence(
          encodeDer(0xa0, hash),
          encodeDer(0xa1, sequence(objectIdentifier(OID.mgf1), hash)),
          ...salt,
        ),
      )
    }
  }
}
