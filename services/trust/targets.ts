import { parsePem } from '../seal/index.ts'
import { PlatformError } from '../model/index.ts'
import { VerificationCache } from './cache.ts'
import { parseCertificate, publicKeyOf, revocationTargets } from './certificate.ts'
import { keyOfPem } from './publisher-material.ts'

/**
 * What to record to revoke the one certificate or public key in a PEM text: a certificate by its SHA-256 and by issuer
 * and serial (no re-encoding evades the second), a key by the SHA-256 of its SubjectPublicKeyInfo.
 * @throws PlatformError INVALID_PARAMETER
 */
export function revocationTargetsOf(pem: string): {
  readonly certificates: readonly string[]
  readonly key: string
} {
  const cache = new VerificationCache()
  try {
    const [block, ...more] = parsePem(pem)
    if (block?.label === 'CERTIFICATE' && more.length === 0) {
      const certificate = parseCertificate(block.bytes, cache)
      const key = publicKeyOf(certificate, cache).spkiSha256
      return { certificates: revocationTargets(certificate, undefined, cache), key }
    }
    return { certificates: [], key: keyOfPem(pem, cache).spkiSha256 }
  } catch (cause) {
    throw new PlatformError(
      'INVALID_PARAMETER',
      'the text is not one certificate or public key in PEM',
      {
        cause,
      },
    )
  }
}
