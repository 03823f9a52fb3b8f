import { createHash } from 'node:crypto'

import { sha256, type Sha256 } from '../model/index.ts'
import { DerCursor, malformed, readDer, TAG, toBitOctets, toOid, type Der } from '../seal/index.ts'
import { readExtensions } from './extensions.ts'
import { parseName } from './names.ts'
import type { SignedStructure } from './signed-structure.ts'
import { toInvalidityMs } from './validity.ts'
import type { Certificate } from './certificate.ts'

const BASIC_RESPONSE = '1.3.6.1.5.5.7.48.1.1'
const ENUMERATED = 0x0a
/** A CertID is a name and no signature: SHA-1, which nearly all responders use, does no harm in it. */
const ID_HASHES: Readonly<Record<string, string>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
}

/** What a responder says of one certificate (RFC 6960 §4.2.1). */
export interface SingleResponse {
  readonly hash: string
  readonly nameHash: string
  readonly keyHash: string
  readonly serial: string
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly revokedAtMs: number | undefined
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number | undefined
}

export interface OcspResponse extends SignedStructure {
  readonly sha256: Sha256
  /** Key of the responder's name, or SHA-1 of its public key in hex. */
  readonly responder: { readonly by: 'name' | 'key'; readonly value: string }
  readonly responses: readonly SingleResponse[]
  readonly certificates: readonly Uint8Array[]
}

/** A successful OCSPResponse with a BasicOCSPResponse, in strict DER. @throws PlatformError INVALID_SEAL */
export function parseOcspResponse(der: Uint8Array): OcspResponse {
  const outer = new DerCursor(readDer(der), TAG.sequence, 'the OCSP response')
  const status = outer.take(ENUMERATED, 'status').content
  const bytes = outer.explicit(0xa0, 'the response')
  outer.end()
  if (status[0] !== 0 || status.byteLength !== 1 || bytes === undefined)
    throw malformed('ocsp-status', 'the OCSP responder did not answer')
  const typed = new DerCursor(bytes, TAG.sequence, 'the response')
  if (toOid(typed.any()) !== BASIC_RESPONSE)
    throw malformed('ocsp-type', 'the OCSP response is not a basic one')
  const basic = readDer(typed.take(TAG.octetString, 'response').content)
  typed.end()
  const cursor = new DerCursor(basic, TAG.sequence, 'the basic response')
  const tbs = cursor.take(TAG.sequence, 'data')
  const algorithm = cursor.take(TAG.sequence, 'signature algorithm')
  const signature = toBitOctets(cursor.take(TAG.bitString, 'signature'), 'the signature')
  const certificates = cursor.explicit(0xa0, 'the certificates')
  cursor.end()
  return {
    sha256: sha256(basic.bytes),
    tbs: tbs.bytes,
    algorithm,
    signature,
    certificates: (certificates?.children ?? []).map((one) => one.bytes),
    ...parseData(tbs),
  }
}

function parseData(tbs: Der): Pick<OcspResponse, 'responder' | 'responses'> {
  const cursor = new DerCursor(tbs, TAG.sequence, 'the response data')
  const name = cursor.explicit(0xa1, 'the responder')
  const key = cursor.explicit(0xa2, 'the responder')
  toInvalidityMs(cursor.take(TAG.generalizedTime, 'time'))
  const responses = cursor.take(TAG.sequence, 'responses').children.map(parseSingle)
  refuseCritical(cursor.explicit(0xa1, 'the extensions'))
  cursor.end()
  if (name !== undefined && key === undefined)
    return { responder: { by: 'name', value: parseName(name).key }, responses }
  if (key?.tag !== TAG.octetString)
    throw malformed('ocsp-responder', 'the OCSP response does not name its responder')
  return { responder: { by: 'key', value: toHex(key) }, responses }
}

function parseSingle(value: Der): SingleResponse {
  const cursor = new DerCursor(value, TAG.sequence, 'a single response')
  const id = new DerCursor(cursor.take(TAG.sequence, 'certificate id'), TAG.sequence, 'the id')
  const algorithm = new DerCursor(id.take(TAG.sequence, 'hash'), TAG.sequence, 'the hash')
  const hash = ID_HASHES[toOid(algorithm.any())]
  algorithm.optional(TAG.null)
  algorithm.end()
  if (hash === undefined) throw malformed('ocsp-hash', 'the OCSP response uses an unknown hash')
  const names = {
    hash,
    nameHash: toHex(id.take(TAG.octetString, 'name hash')),
    keyHash: toHex(id.take(TAG.octetString, 'key hash')),
    serial: toHex(id.take(TAG.integer, 'serial number')),
  }
  id.end()
  const status = parseStatus(cursor.any())
  const thisUpdateMs = toInvalidityMs(cursor.take(TAG.generalizedTime, 'time'))
  const next = cursor.explicit(0xa0, 'the next time')
  refuseCritical(cursor.explicit(0xa1, 'the extensions'))
  cursor.end()
  const nextUpdateMs = next && toInvalidityMs(next) + 999
  return { ...names, ...status, thisUpdateMs, nextUpdateMs }
}

function parseStatus(value: Der | undefined): Pick<SingleResponse, 'status' | 'revokedAtMs'> {
  if (value?.tag === 0x80 && value.content.byteLength === 0)
    return { status: 'good', revokedAtMs: undefined }
  if (value?.tag === 0x82 && value.content.byteLength === 0)
    return { status: 'unknown', revokedAtMs: undefined }
  if (value?.tag !== 0xa1) throw malformed('ocsp-status', 'a status is none that there is')
  const cursor = new DerCursor(value, 0xa1, 'the revocation')
  const revokedAtMs = toInvalidityMs(cursor.take(TAG.generalizedTime, 'time'))
  cursor.explicit(0xa0, 'the reason')
  cursor.end()
  return { status: 'revoked', revokedAtMs }
}

function refuseCritical(list: Der | undefined): void {
  if (list === undefined) return
  for (const [oid, { critical }] of readExtensions(list, 'the OCSP response')) {
    if (critical)
      throw malformed('ocsp-extension', `the OCSP response has the critical extension ${oid}`)
  }
}

/** Whether the response is about this certificate of this issuer. */
export function isAbout(
  one: SingleResponse,
  certificate: Certificate,
  issuer: Certificate,
): boolean {
  const digest = (bytes: Uint8Array): string => createHash(one.hash).update(bytes).digest('hex')
  return (
    one.serial === certificate.serial &&
    // the issuer's name as the certificate writes it (RFC 6960 §4.1.1)
    one.nameHash === digest(Buffer.from(certificate.issuer, 'hex')) &&
    one.keyHash === digest(publicKeyBits(issuer))
  )
}

/** Whether the response names this certificate as its responder. */
export function isResponder({ responder }: OcspResponse, certificate: Certificate): boolean {
  if (responder.by === 'name') return responder.value === certificate.subjectName.key
  return responder.value === createHash('sha1').update(publicKeyBits(certificate)).digest('hex')
}

function publicKeyBits({ spki }: Certificate): Uint8Array {
  const cursor = new DerCursor(readDer(spki), TAG.sequence, 'the public key')
  cursor.take(TAG.sequence, 'algorithm')
  return toBitOctets(cursor.take(TAG.bitString, 'key'), 'the public key')
}

function toHex({ content }: Der): string {
  return Buffer.from(content).toString('hex')
}
