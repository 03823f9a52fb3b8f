import { sha256 } from '../model/index.ts'
import { malformed, parsePem } from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'
import { parseCertificate, type Certificate } from './certificate.ts'

/** The one block of this label in a PEM text. @throws PlatformError INVALID_SEAL */
export function singleBlock(pem: string, label: string): Uint8Array {
  const [block, ...more] = parsePem(pem)
  if (block === undefined || more.length > 0 || block.label !== label)
    throw malformed('pem', `the text is not exactly one PEM block \`${label}\``)
  return block.bytes
}

/** @throws PlatformError INVALID_SEAL */
export function certificateOfPem(pem: string, cache: VerificationCache): Certificate {
  return cache.parsed('certificate-pem', sha256(pem), () =>
    parseCertificate(singleBlock(pem, 'CERTIFICATE'), cache),
  )
}
