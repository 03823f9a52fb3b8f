import { createPublicKey } from 'node:crypto'

import type { KeyAlgorithm, Signer } from '../../keys/index.ts'
import {
  bitString,
  certificateTime,
  encodeDer,
  encodeSignatureAlgorithm,
  integer,
  objectIdentifier,
  readDer,
  sequence,
  setOf,
  smallInteger,
  utf8String,
  type SignatureScheme,
} from '../../seal/index.ts'

/** Who a CA certificate is: an organization and a name in it. */
export interface Subject {
  readonly organization: string
  readonly commonName: string
}

export interface CertificateParts {
  /** 16 bytes from a random source; the sign is taken care of. */
  readonly serial: Uint8Array
  /** Names as DER: an issuer's is copied from its certificate, byte for byte. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  readonly notBeforeMs: number
  readonly notAfterMs: number
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array
  readonly extensions: readonly Uint8Array[]
}

const SCHEMES: Readonly<Record<KeyAlgorithm, SignatureScheme>> = {
  ed25519: { kind: 'ed25519' },
  'ecdsa-p256': { kind: 'ecdsa', hash: 'sha256' },
  'ecdsa-p384': { kind: 'ecdsa', hash: 'sha384' },
}

export function signatureAlgorithmOf(signer: Signer): Uint8Array {
  return encodeSignatureAlgorithm(SCHEMES[signer.algorithm])
}

/** The TBSCertificate (RFC 5280 §4.1), version 3. */
export function encodeTbs(parts: CertificateParts, signer: Signer): Uint8Array {
  return sequence(
    encodeDer(0xa0, smallInteger(2)),
    integer(parts.serial),
    signatureAlgorithmOf(signer),
    parts.issuer,
    sequence(certificateTime(parts.notBeforeMs), certificateTime(parts.notAfterMs)),
    parts.subject,
    parts.publicKey,
    encodeDer(0xa3, sequence(...parts.extensions)),
  )
}

export function signCertificate(parts: CertificateParts, signer: Signer): Uint8Array {
  const tbs = encodeTbs(parts, signer)
  return sequence(tbs, signatureAlgorithmOf(signer), bitString(signer.sign(tbs)))
}

export function encodeName(subject: Subject): Uint8Array {
  const attribute = (oid: string, text: string): Uint8Array =>
    setOf([sequence(objectIdentifier(oid), utf8String(text))])
  return sequence(
    attribute('2.5.4.10', subject.organization),
    attribute('2.5.4.3', subject.commonName),
  )
}

/** The empty name of certificates whose names stand in the SAN. */
export const EMPTY_NAME: Uint8Array = sequence()

/** The subject of a certificate of our own making, as it stands there. */
export function subjectOf(certificate: Uint8Array): Uint8Array {
  const [tbs] = readDer(certificate).children
  return tbs?.children[5]?.bytes ?? EMPTY_NAME
}

export function publicKeyDer(pem: string): Uint8Array {
  return createPublicKey(pem).export({ format: 'der', type: 'spki' })
}
