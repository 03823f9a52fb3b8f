import type { SealForm } from './verdict.ts'

/** A window during which a key of a `key` publisher may sign. Milliseconds since the epoch. */
export interface PublisherKey {
  /** SubjectPublicKeyInfo, PEM. */
  readonly publicKeyPem: string
  readonly notBeforeMs?: number
  readonly notAfterMs?: number
}

/** An RFC 3161 authority: its tokens over a signature give that signature a trusted time (RULES §4). */
export interface TimestampAuthority {
  /** PEM, one certificate each; a pinned end-entity certificate (CA:FALSE) trusts itself alone. */
  readonly rootsPem: readonly string[]
  readonly intermediatesPem: readonly string[]
}

/** Where the revocation lists of a publisher's authorities come from, and what holds where they do not. */
export interface RevocationSettings {
  /** PEM blocks `X509 CRL`, or URLs that the service fetches. */
  readonly lists: readonly ({ readonly pem: string } | { readonly url: string })[]
  /** A list counts this long after it was issued, or until the next one is due where that is sooner. */
  readonly maxAgeMs?: number
  /** What is said of a certificate whose status is not known: refused, or let pass and named as unchecked. */
  readonly onFailure: 'closed' | 'open'
}

/** A revocation list as it was fetched. */
export interface FetchedRevocationList {
  readonly url: string
  readonly der: Uint8Array
  readonly fetchedAtMs: number
}

/** Checks that a publisher may have logged instead of enforced (DESIGN §5); integrity is none of them. */
export type PublisherCheck = 'authenticity' | 'timestamp' | 'expiry' | 'revocation'

interface PublisherCommon {
  /** Which signature forms count: `statement` for keys and `cms` for x509 unless said otherwise (RULES §4). */
  readonly forms: readonly SealForm[]
  /** `seal`, `vouch`, `attest:<predicateType>`. */
  readonly purposes: readonly string[]
  /** `builder.id`s whose provenance counts, exactly as written there; none where absent (RULES §5). */
  readonly builders?: readonly string[]
  /** How long a signature stays good, counted from its trusted time or else from the version's creation. */
  readonly signatureValidityMs?: number
  readonly timestampAuthorities?: readonly TimestampAuthority[]
  /** A Sigstore TrustedRoot as JSON text: its logs and timestamp authorities, for `oidc` also its certificate authorities. */
  readonly trustedRoot?: string
  /** How many distinct logs and trusted times a seal needs to count; for `oidc` 1 and 1 where absent, else none. */
  readonly thresholds?: { readonly logs?: number; readonly timestamps?: number }
  /** `enforce` where absent. */
  readonly checks?: Readonly<Partial<Record<PublisherCheck, 'enforce' | 'log'>>>
}

/**
 * One key took over from another: both are the same signer for a threshold (APK Signature Scheme v3 and TUF roots do
 * likewise). It trusts nobody: who may sign now stands in `keys`.
 */
export interface KeySuccession {
  /** SubjectPublicKeyInfo, PEM. */
  readonly predecessorPem: string
  readonly successorPem: string
  /** The predecessor's signature over the succession, base64; absent where an administrator declared it. */
  readonly signature?: string
}

export interface KeyPublisherDocument extends PublisherCommon {
  readonly kind: 'key'
  readonly keys: readonly PublisherKey[]
  readonly lineage?: readonly KeySuccession[]
}

/** How long signatures of a managed publisher stay good, as AWS Signer words it. */
export interface ValidityPeriod {
  readonly value: number
  readonly type: 'DAYS' | 'MONTHS' | 'YEARS'
}

/** A publisher whose private key the service made and keeps (AWS Signer's signing profile); nobody else ever has it. */
export interface ManagedPublisherDocument extends PublisherCommon {
  readonly kind: 'managed'
  /** P-384, SubjectPublicKeyInfo, PEM. */
  readonly publicKeyPem: string
  readonly platformId: 'AWSLambda-SHA384-ECDSA'
  readonly validityPeriod: ValidityPeriod
  readonly lineage?: readonly KeySuccession[]
}

export interface X509PublisherDocument extends PublisherCommon {
  readonly kind: 'x509'
  /** Roots, PEM, one certificate each. A pinned end-entity certificate (CA:FALSE) trusts itself alone. */
  readonly rootsPem: readonly string[]
  readonly intermediatesPem: readonly string[]
  /** Exact RFC 4514 subject, or subjectAltName values with their type; none given = any certificate under the roots. */
  readonly subjects?: readonly string[]
  readonly subjectAltNames?: readonly {
    readonly type: 'dns' | 'uri' | 'email'
    readonly value: string
  }[]
  /** Certificate policies, one of which must hold over the whole path. */
  readonly policies?: readonly string[]
  /** `rfc5280`: every certificate must be as RFC 5280 §4 has issuers make it. */
  readonly profile?: 'rfc5280'
  /** Without it no list is looked at. */
  readonly revocation?: RevocationSettings
}

/** What Fulcio's extensions say of a workload (OIDs 1.3.6.1.4.1.57264.1.9 to .22), by names of ours. */
export type OidcClaim =
  | 'buildSignerUri'
  | 'buildSignerDigest'
  | 'runnerEnvironment'
  | 'repository'
  | 'repositoryId'
  | 'owner'
  | 'ownerId'
  | 'commit'
  | 'ref'
  | 'workflow'
  | 'workflowDigest'
  | 'event'
  | 'runUri'
  | 'visibility'

/** The one alternative name of a keyless certificate; `username` is Fulcio's own `user!domain`. */
export interface OidcIdentity {
  readonly type: 'uri' | 'email' | 'username'
  readonly value: string
}

/** Keyless: whoever an issuer vouched for, by a Sigstore trusted root. */
export interface OidcPublisherDocument extends PublisherCommon {
  readonly kind: 'oidc'
  readonly trustedRoot: string
  /** Exact. */
  readonly issuer: string
  /** Exact, or a glob that is literal through host and owner. */
  readonly identity: OidcIdentity
  /** Each must be one of these, exact or by glob. Triggers `pull_request*` count only where `event` lists them. */
  readonly claims?: Readonly<Partial<Record<OidcClaim, readonly string[]>>>
}

export type PublisherDocument =
  KeyPublisherDocument | X509PublisherDocument | OidcPublisherDocument | ManagedPublisherDocument

/** One immutable version of a publisher, as `trust` sees it. */
export interface TrustedPublisher {
  readonly id: string
  readonly name: string
  readonly version: string
  /** `arn:aws:signer:REGION:ACCOUNT:/signing-profiles/NAME/VERSION` */
  readonly arn: string
  readonly status: 'Active' | 'Canceled' | 'Revoked'
  readonly createdAtMs: number
  readonly document: PublisherDocument
  /** Named by the code signing config at hand (every one, where there is no config). */
  readonly allowed: boolean
}

/** How many signers must stand behind an artifact; counted by RULES §4: no key, identity or publisher twice. */
export interface SigningRequirements {
  readonly minSigners: number
  readonly minPublishers: number
}

export type RevocationTarget = 'publisher' | 'publisher-version' | 'certificate' | 'key' | 'seal'

/**
 * `target` by kind: publisher id · ARN of the version · SHA-256 of the certificate · SHA-256 of the SPKI · SHA-256 of the seal.
 * Final: an effective time may only move earlier.
 */
export interface Revocation {
  readonly targetKind: RevocationTarget
  readonly target: string
  readonly effectiveAtMs: number
  readonly recordedAtMs: number
  readonly reason: string
}
