import { createHash } from 'node:crypto'

import { readDer, type CertificateBinding, type CmsSignerId } from '../seal/index.ts'
import type { Certificate } from './certificate.ts'
import { formatName } from './names.ts'

/**
 * Whether a signer id picks this certificate; the id itself is not signed, the certificate's key has to verify.
 * `text` lets the issuer be the same name in other string types.
 */
export function isNamedBy(
  signer: CmsSignerId,
  certificate: Certificate,
  names: 'bytes' | 'text',
): boolean {
  if (signer.kind === 'key-id') return certificate.extensions.subjectKeyId === toHex(signer.keyId)
  if (certificate.serial !== toHex(signer.serial)) return false
  return names === 'bytes'
    ? certificate.issuer === toHex(signer.issuer)
    : certificate.issuerText === formatName(readDer(signer.issuer))
}

/** Whether a signed certificate id (RFC 5035) is this certificate's: its hash, and issuer and serial where written. */
export function isBoundTo(
  { hash, value, issuerSerial }: CertificateBinding<string>,
  certificate: Certificate,
): boolean {
  if (!createHash(hash).update(certificate.der).digest().equals(value)) return false
  if (issuerSerial === undefined) return true
  const { issuer, serial } = issuerSerial
  return isNamedBy({ kind: 'issuer-serial', issuer, serial }, certificate, 'text')
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
