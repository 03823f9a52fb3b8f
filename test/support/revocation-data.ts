import { createHash, sign } from 'node:crypto'

import {
  encodeDer,
  encodePem,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  smallInteger,
  TAG,
} from '../../services/seal/index.ts'
import { AT_MS, type Extension, type KeyPair, type TestCertificate } from './pki.ts'

/** Revocation lists and OCSP responses that can be wrong in one thing at a time. */

const DAY_MS = 86_400_000
const ECDSA_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))

function utc(ms: number): Uint8Array {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(2, 14)
  return encodeDer(TAG.utcTime, Buffer.from(`${text}Z`))
}

export function generalized(ms: number): Uint8Array {
  const text = new Date(ms).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)
  return encodeDer(TAG.generalizedTime, Buffer.from(`${text}Z`))
}

function extension({ oid, critical, value }: Extension): Uint8Array {
  const flag = critical === true ? [encodeDer(TAG.boolean, Uint8Array.of(0xff))] : []
  return sequence(objectIdentifier(oid), ...flag, octetString(value))
}

export interface RevokedSpec {
  readonly serial: number
  readonly atMs?: number
  readonly reason?: number
  readonly invalidMs?: number
  readonly extensions?: readonly Extension[]
}

export interface ListSpec {
  readonly revoked?: readonly RevokedSpec[]
  readonly thisUpdateMs?: number
  /** `undefined`: none. */
  readonly nextUpdateMs?: number | undefined
  readonly extensions?: readonly Extension[]
  /** Who signs, where it is not the issuer named. */
  readonly key?: KeyPair
  readonly version?: Uint8Array
  readonly innerAlgorithm?: Uint8Array
}

/** A list by `issuer`, current at AT_MS, in DER. */
export function revocationList(issuer: TestCertificate, spec: ListSpec = {}): Uint8Array {
  const next = 'nextUpdateMs' in spec ? spec.nextUpdateMs : AT_MS + DAY_MS
  const entries = (spec.revoked ?? []).map(entry)
  const extensions = spec.extensions ?? [{ oid: '2.5.29.20', value: smallInteger(1) }]
  const tbs = sequence(
    spec.version ?? smallInteger(1),
    spec.innerAlgorithm ?? ECDSA_SHA256,
    issuer.name,
    utc(spec.thisUpdateMs ?? AT_MS - DAY_MS),
    ...(next === undefined ? [] : [utc(next)]),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    ...(extensions.length === 0 ? [] : [encodeDer(0xa0, sequence(...extensions.map(extension)))]),
  )
  return signed(tbs, spec.key ?? issuer.key)
}

export function listPem(der: Uint8Array): string {
  return encodePem('X509 CRL', der)
}

function entry({ serial, atMs, reason, invalidMs, extensions = [] }: RevokedSpec): Uint8Array {
  const own: Extension[] = [
    ...(reason === undefined
      ? []
      : [{ oid: '2.5.29.21', value: encodeDer(0x0a, Uint8Array.of(reason)) }]),
    ...(invalidMs === undefined ? [] : [{ oid: '2.5.29.24', value: generalized(invalidMs) }]),
    ...extensions,
  ]
  return sequence(
    integer(Buffer.from([0, serial])),
    utc(atMs ?? AT_MS - 2 * DAY_MS),
    ...(own.length === 0 ? [] : [sequence(...own.map(extension))]),
  )
}

function signed(tbs: Uint8Array, key: KeyPair): Uint8Array {
  const signature = sign('sha256', tbs, key.privateKey)
  return sequence(tbs, ECDSA_SHA256, encodeDer(TAG.bitString, Uint8Array.of(0), signature))
}

export interface ResponseSpec {
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly serial: number
  readonly revokedAtMs?: number
  readonly thisUpdateMs?: number
  readonly nextUpdateMs?: number | undefined
  /** A delegated responder, whose certificate is put in. */
  readonly responder?: TestCertificate
  readonly byKey?: boolean
  readonly hash?: 'sha1' | 'sha256'
  readonly singleExtensions?: readonly Extension[]
  readonly responseStatus?: number
}

/** An OCSPResponse about a certificate of `issuer`, current at AT_MS. */
export function ocspResponse(issuer: TestCertificate, spec: ResponseSpec): Uint8Array {
  const { hash = 'sha1', responder, serial } = spec
  const signer = responder ?? issuer
  const oid = hash === 'sha1' ? '1.3.14.3.2.26' : '2.16.840.1.101.3.4.2.1'
  const digest = (bytes: Uint8Array): Uint8Array => createHash(hash).update(bytes).digest()
  const next = 'nextUpdateMs' in spec ? spec.nextUpdateMs : AT_MS + DAY_MS
  const single = sequence(
    sequence(
      sequence(objectIdentifier(oid), encodeDer(TAG.null)),
      octetString(digest(issuer.name)),
      octetString(digest(keyBits(issuer.key))),
      integer(Buffer.from([0, serial])),
    ),
    statusOf(spec),
    generalized(spec.thisUpdateMs ?? AT_MS - DAY_MS),
    ...(next === undefined ? [] : [encodeDer(0xa0, generalized(next))]),
    ...(spec.singleExtensions === undefined
      ? []
      : [encodeDer(0xa1, sequence(...spec.singleExtensions.map(extension)))]),
  )
  const id =
    spec.byKey === true
      ? encodeDer(0xa2, octetString(createHash('sha1').update(keyBits(signer.key)).digest()))
      : encodeDer(0xa1, signer.name)
  const tbs = sequence(id, generalized(AT_MS - DAY_MS), sequence(single))
  const signature = sign('sha256', tbs, signer.key.privateKey)
  const basic = sequence(
    tbs,
    ECDSA_SHA256,
    encodeDer(TAG.bitString, Uint8Array.of(0), signature),
    ...(responder === undefined ? [] : [encodeDer(0xa0, sequence(responder.der))]),
  )
  return sequence(
    encodeDer(0x0a, Uint8Array.of(spec.responseStatus ?? 0)),
    encodeDer(0xa0, sequence(objectIdentifier('1.3.6.1.5.5.7.48.1.1'), octetString(basic))),
  )
}

function statusOf({ status, revokedAtMs }: ResponseSpec): Uint8Array {
  if (status === 'good') return encodeDer(0x80)
  if (status === 'unknown') return encodeDer(0x82)
  return encodeDer(0xa1, generalized(revokedAtMs ?? AT_MS - 2 * DAY_MS))
}

function keyBits(key: KeyPair): Uint8Array {
  return key.publicKey.export({ format: 'der', type: 'spki' }).subarray(-65)
}
