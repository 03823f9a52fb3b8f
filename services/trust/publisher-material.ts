import { PlatformError, sha256, type PublisherKey, type TrustedPublisher } from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import type { Certificate } from './certificate.ts'
import { toKnownAuthority, type KnownAuthority } from './known-authority.ts'
import { certificateOfPem, singleBlock } from './single-block.ts'
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
  /** Whose timestamps give its seals a trusted time. */
  readonly authorities: readonly KnownAuthority[]
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
      const authorities = (publisher.document.timestampAuthorities ?? []).map((authority) =>
        toKnownAuthority(authority, cache),
      )
      return [{ publisher, material: toMaterial(publisher, cache), authorities }]
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
