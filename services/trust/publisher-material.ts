import {
  sha256,
  type OidcPublisherDocument,
  type PublisherKey,
  type TrustedPublisher,
  type X509PublisherDocument,
} from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import type { Certificate } from './certificate.ts'
import type { JudgeInput } from './judge-input.ts'
import { toKnownAuthority, type KnownAuthority } from './known-authority.ts'
import type { PathRules } from './path-checks.ts'
import { certificateOfPem, singleBlock } from './single-block.ts'
import { parsePublicKey, type PublicKey } from './public-key.ts'
import { logRevocationsAfter, withoutRevokedLogs } from './sigstore/log-revocation.ts'
import { parseTrustedRoot, type TrustedRoot } from './sigstore/trusted-root.ts'
import { unlessRefusedEach } from './refusals.ts'

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
      readonly rules: PathRules
    }
  | {
      readonly kind: 'oidc'
      readonly document: OidcPublisherDocument
      readonly root: TrustedRoot
    }

export interface KnownPublisher {
  readonly publisher: TrustedPublisher
  readonly material: PublisherMaterial
  /** Whose timestamps give its seals a trusted time. */
  readonly authorities: readonly KnownAuthority[]
  /** Whose logs' entries it believes. */
  readonly trustedRoot: TrustedRoot | undefined
  /** Instants after which the key of one of those logs is revoked. */
  readonly changesAtMs: readonly number[]
}

/**
 * Documents are validated when they are saved; one that cannot be read any more trusts nothing and does not keep
 * the others from being judged.
 */
export function toKnownPublishers(
  { publishers, revocations, atMs }: Pick<JudgeInput, 'publishers' | 'revocations' | 'atMs'>,
  cache: VerificationCache,
): readonly KnownPublisher[] {
  return unlessRefusedEach(publishers, (publisher) => {
    const { timestampAuthorities = [], trustedRoot: text } = publisher.document
    const rootOf = (json: string): TrustedRoot =>
      withoutRevokedLogs(parseTrustedRoot(json, cache), revocations, atMs)
    const trustedRoot = text === undefined ? undefined : rootOf(text)
    const authorities = [
      ...timestampAuthorities.map((authority) => toKnownAuthority(authority, cache)),
      ...(trustedRoot?.timestampAuthorities ?? []),
    ]
    const material = toMaterial(publisher, rootOf, cache)
    const changesAtMs =
      text === undefined
        ? []
        : logRevocationsAfter(parseTrustedRoot(text, cache), revocations, atMs)
    return { publisher, material, authorities, trustedRoot, changesAtMs }
  })
}

function toMaterial(
  { document }: TrustedPublisher,
  rootOf: (json: string) => TrustedRoot,
  cache: VerificationCache,
): PublisherMaterial {
  if (document.kind === 'key')
    return {
      kind: 'key',
      keys: document.keys.map((window) => ({ key: keyOfPem(window.publicKeyPem, cache), window })),
    }
  if (document.kind === 'managed') {
    const { publicKeyPem } = document
    return { kind: 'key', keys: [{ key: keyOfPem(publicKeyPem, cache), window: { publicKeyPem } }] }
  }
  if (document.kind === 'oidc')
    return {
      kind: 'oidc',
      document,
      root: rootOf(document.trustedRoot),
    }
  return {
    kind: 'x509',
    anchors: document.rootsPem.map((pem) => certificateOfPem(pem, cache)),
    intermediates: document.intermediatesPem.map((pem) => certificateOfPem(pem, cache)),
    rules: rulesOf(document),
  }
}

function rulesOf({ policies, profile }: X509PublisherDocument): PathRules {
  return {
    ...(profile !== undefined && { profile }),
    ...(policies !== undefined && { policies: { acceptable: policies, requireExplicit: true } }),
  }
}

/** @throws PlatformError INVALID_SEAL */
export function keyOfPem(pem: string, cache: VerificationCache): PublicKey {
  return cache.parsed('key-pem', sha256(pem), () =>
    parsePublicKey(singleBlock(pem, 'PUBLIC KEY'), cache),
  )
}
