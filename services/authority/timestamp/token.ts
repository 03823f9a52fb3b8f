import { createHash } from 'node:crypto'

import {
  encodeDer,
  encodeDigestAlgorithm,
  generalizedTime,
  integer,
  namedBits,
  objectIdentifier,
  octetString,
  readDer,
  sequence,
  setOf,
  smallInteger,
  utf8String,
} from '../../seal/index.ts'
import { signatureAlgorithmOf } from '../certificate/build.ts'
import type { ActiveKey } from '../identity.ts'
import { policyIdentifier, type TimestampRequest } from './request.ts'

const TST_INFO = '1.2.840.113549.1.9.16.1.4'
const SIGNED_DATA = '1.2.840.113549.1.7.2'
const CONTENT_TYPE = '1.2.840.113549.1.9.3'
const MESSAGE_DIGEST = '1.2.840.113549.1.9.4'
/** RFC 5816: ESSCertIDv2, whose default digest is SHA-256. */
const SIGNING_CERTIFICATE_V2 = '1.2.840.113549.1.9.16.2.47'

/** PKIStatus (RFC 3161 §2.4.2). */
const GRANTED = 0
const REJECTION = 2
/** The clock of this machine, taken to be within a second. */
const ACCURACY_SECONDS = 1

export interface Stamp {
  readonly request: TimestampRequest
  readonly atMs: number
  /** 128 random bits. */
  readonly serial: Uint8Array
}

/** A TimeStampResp that grants. The certificate is in the token where it was asked for. */
export function encodeGranted(stamp: Stamp, key: ActiveKey, certificate: Uint8Array): Uint8Array {
  return sequence(sequence(smallInteger(GRANTED)), encodeToken(stamp, key, certificate))
}

/** A TimeStampResp that refuses, with the bit of its cause. */
export function encodeRejected(message: string, failureBit: number): Uint8Array {
  const text = sequence(utf8String(message))
  return sequence(sequence(smallInteger(REJECTION), text, namedBits(failureBit)))
}

/** TSTInfo in SignedData (RFC 3161 §2.4.2, RFC 5652 §5). */
function encodeToken(stamp: Stamp, key: ActiveKey, certificate: Uint8Array): Uint8Array {
  const info = encodeInfo(stamp)
  const digest = encodeDigestAlgorithm('sha256')
  const attributes = [
    attribute(CONTENT_TYPE, objectIdentifier(TST_INFO)),
    attribute(MESSAGE_DIGEST, octetString(createHash('sha256').update(info).digest())),
    attribute(SIGNING_CERTIFICATE_V2, signingCertificate(certificate)),
  ]
  // RFC 5652 §5.4: signed as a SET OF, carried under an implicit tag.
  const signature = key.signer.sign(setOf(attributes))
  const signerInfo = sequence(
    smallInteger(1),
    issuerAndSerial(certificate),
    digest,
    setOf(attributes, 0xa0),
    signatureAlgorithmOf(key.signer),
    octetString(signature),
  )
  const signedData = sequence(
    smallInteger(3),
    setOf([digest]),
    sequence(objectIdentifier(TST_INFO), encodeDer(0xa0, octetString(info))),
    ...(stamp.request.wantsCertificates ? [encodeDer(0xa0, certificate)] : []),
    setOf([signerInfo]),
  )
  return sequence(objectIdentifier(SIGNED_DATA), encodeDer(0xa0, signedData))
}

function encodeInfo({ request, atMs, serial }: Stamp): Uint8Array {
  return sequence(
    smallInteger(1),
    policyIdentifier(),
    sequence(encodeDigestAlgorithm(request.hash), octetString(request.imprint)),
    integer(serial),
    generalizedTime(atMs),
    sequence(smallInteger(ACCURACY_SECONDS)),
    ...(request.nonce === undefined ? [] : [request.nonce]),
  )
}

function attribute(oid: string, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(oid), setOf([value]))
}

/** SigningCertificateV2 with one ESSCertIDv2: the hash, and issuer and serial beside it. */
function signingCertificate(certificate: Uint8Array): Uint8Array {
  const hash = createHash('sha256').update(certificate).digest()
  const { issuer, serial } = namesOf(certificate)
  const issuerSerial = sequence(sequence(encodeDer(0xa4, issuer)), serial)
  return sequence(sequence(sequence(octetString(hash), issuerSerial)))
}

function issuerAndSerial(certificate: Uint8Array): Uint8Array {
  const { issuer, serial } = namesOf(certificate)
  return sequence(issuer, serial)
}

/** Issuer and serial number as they stand in a certificate of our own making. */
function namesOf(certificate: Uint8Array): { issuer: Uint8Array; serial: Uint8Array } {
  const [, serial, , issuer] = readDer(certificate).children[0]?.children ?? []
  return { issuer: issuer?.bytes ?? sequence(), serial: serial?.bytes ?? sequence() }
}
