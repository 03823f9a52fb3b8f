import { PlatformError, sha256, type PublisherKey, type TrustedPublisher } from '../model/index.ts'
import { malformed, parsePem } from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'
import { parseCertificate, type Certificate } from './certificate.ts'
import { parsePublicKey, type PublicKey } from './public-key.ts'

/** What a publisher document holds, parsed. */
export type PublisherMaterial =
  | {
      readonly kind: 'key'
      readonly keys: readonly { readonly key: PublicKey; readonly window: PublisherKey }[]
    }
  | {
      readonly kind: 'x509'
      readonly anchors: readonly Certificate[]
      readonly intermediates: readonly Certificate[]
    }

export interface KnownPublisher {
  readonly publisher: TrustedPublisher
  readonly material: PublisherMaterial
}

/** The one block of this label in a PEM text. @throws PlatformError INVALID_SEAL */
export function singleBlock(pem: string, label: string): Uint8Array {
  const [block, ...more] = parsePem(pem)
  if (block === undefined || more.length > 0 || block.label !== label)
    throw malformed('pem', `the text is not exactly one PEM block \`${label}\``)
  return block.bytes
}

/**
 * Documents are validated when they are saved; one that cannot be read any more trusts nothing and does not keep
 * the others from being judged.
 */
export function toKnownPublishers(
  publishers: readonly TrustedPublisher[],
  cache: VerificationCache,
): readonly KnownPublisher[] {
  return publishers.flatMap((publisher) => {
    try {
      return [{ publisher, material: toMaterial(publisher, cache) }]
    } catch (error) {
      if (error instanceof PlatformError) return []
      throw error
    }
  })
}

function toMaterial({ document }: TrustedPublisher, cache: VerificationCache): PublisherMaterial {
  if (document.kind === 'key')
    return {
      kind: 'key',
      keys: document.keys.map((window) => ({ key: keyOfPem(window.publicKeyPem, cache), window })),
    }
  if (document.kind === 'managed') {
    const { publicKeyPem } = document
    return { kind: 'key', keys: [{ key: keyOfPem(publicKeyPem, cache), window: { publicKeyPem } }] }
  }
  return {
    kind: 'x509',
    anchors: document.rootsPem.map((pem) => certificateOfPem(pem, cache)),
    intermediates: document.intermediatesPem.map((pem) => certificateOfPem(pem, cache)),
  }
}

/** @throws PlatformError INVALID_SEAL */
export function keyOfPem(pem: string, cache: VerificationCache): PublicKey {
  return cache.parsed('key-pem', sha256(pem), () =>
    parsePublicKey(singleBlock(pem, 'PUBLIC KEY'), cache),
  )
}

/** @throws PlatformError INVALID_SEAL */
export function certificateOfPem(pem: string, cache: VerificationCache): Certificate {
  return cache.parsed('certificate-pem', sha256(pem), () =>
    parseCertificate(singleBlock(pem, 'CERTIFICATE'), cache),
  )
}
