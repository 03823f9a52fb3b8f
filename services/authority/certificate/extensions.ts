import { createHash } from 'node:crypto'

import {
  derTrue,
  encodeDer,
  namedBits,
  objectIdentifier,
  octetString,
  sequence,
  smallInteger,
  toBitOctets,
  readDer,
} from '../../seal/index.ts'

/** An Extension (RFC 5280 §4.1) as DER. */
export function extension(oid: string, value: Uint8Array, critical = false): Uint8Array {
  return sequence(objectIdentifier(oid), ...(critical ? [derTrue()] : []), octetString(value))
}

export const EKU = {
  codeSigning: '1.3.6.1.5.5.7.3.3',
  timeStamping: '1.3.6.1.5.5.7.3.8',
} as const

/** Bits of KeyUsage (RFC 5280 §4.2.1.3). */
const DIGITAL_SIGNATURE = 0
const KEY_CERT_SIGN = 5
const CRL_SIGN = 6

export function signingKeyUsage(): Uint8Array {
  return extension('2.5.29.15', namedBits(DIGITAL_SIGNATURE), true)
}

export function issuingKeyUsage(): Uint8Array {
  return extension('2.5.29.15', namedBits(KEY_CERT_SIGN, CRL_SIGN), true)
}

/** RFC 3161 §2.3: critical in a timestamping certificate, and then alone. */
export function extendedKeyUsage(oid: string, critical = false): Uint8Array {
  return extension('2.5.29.37', sequence(objectIdentifier(oid)), critical)
}

/** CA certificates alone carry it: a leaf is CA:FALSE by its absence, and says so to who looks. */
export function authorityConstraints(pathLength: number | undefined): Uint8Array {
  const limit = pathLength === undefined ? [] : [smallInteger(pathLength)]
  return extension('2.5.29.19', sequence(derTrue(), ...limit), true)
}

export function leafConstraints(): Uint8Array {
  return extension('2.5.29.19', sequence(), true)
}

/** RFC 5280 §4.2.1.2 (1): SHA-1 as a name, not as a signature's digest. */
export function keyIdentifier(publicKeyDer: Uint8Array): Uint8Array {
  const [, key] = readDer(publicKeyDer).children
  const octets = key === undefined ? publicKeyDer : toBitOctets(key, 'the public key')
  return createHash('sha1').update(octets).digest()
}

export function subjectKeyIdentifier(publicKeyDer: Uint8Array): Uint8Array {
  return extension('2.5.29.14', octetString(keyIdentifier(publicKeyDer)))
}

export function authorityKeyIdentifier(issuerKeyDer: Uint8Array): Uint8Array {
  return extension('2.5.29.35', sequence(encodeDer(0x80, keyIdentifier(issuerKeyDer))))
}

/** Context tags of GeneralName (RFC 5280 §4.2.1.6). */
const NAME_TAGS = { email: 0x81, uri: 0x86 } as const

export interface AlternativeName {
  readonly type: 'email' | 'uri'
  readonly value: string
}

/** Critical, since the subject is empty (RFC 5280 §4.2.1.6). */
export function subjectAlternativeName({ type, value }: AlternativeName): Uint8Array {
  const name = encodeDer(NAME_TAGS[type], Buffer.from(value, 'latin1'))
  return extension('2.5.29.17', sequence(name), true)
}
