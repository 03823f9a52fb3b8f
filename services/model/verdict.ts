import type { Sha256 } from './digest.ts'

export type SealFormat = 'bundle' | 'cms'
/** What the signature says: our Statement, a bare signature over the bytes, or a CMS structure. */
export type SealForm = 'statement' | 'message' | 'cms'

/** One seal as found: its exact bytes and where it lay. */
export interface SealInput {
  readonly format: SealFormat
  readonly place: 'block' | 'detached'
  readonly bytes: Uint8Array
}

/** Who signed, compared exactly. `id` is what thresholds count (RULES §4): SPKI for a key, issuer + subject + SPKI for x509, issuer + SAN for oidc. */
export interface SignerIdentity {
  readonly id: string
  readonly kind: 'key' | 'x509' | 'oidc'
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly spkiSha256: Sha256
  /** For people: a subject name, or `key SHA256:…`. */
  readonly display: string
  readonly subject?: string
  readonly issuer?: string
  readonly certificateSha256?: Sha256
  /** Names the lineage that this key stands in (the smallest fingerprint of its keys): one signer for thresholds. */
  readonly lineage?: Sha256
}

/** AWS's four checks, by AWS's names. */
export type SealRule = 'integrity' | 'mismatch' | 'expiry' | 'revocation'

export interface SealFinding {
  readonly rule: SealRule
  /** `warned`: failed, and the publisher has this check logged instead of enforced. */
  readonly status: 'passed' | 'warned' | 'failed'
  /** One stable word per cause: `digest-mismatch`, `unknown-signer`, `publisher-revoked` … */
  readonly reason?: string
  readonly expected: string
  readonly got: string
  /** The publisher that comes nearest, where none matches. */
  readonly nearest?: string
  readonly fix?: string
}

/** One verified entry of a transparency log. */
export interface SealLogEntry {
  /** Hex. */
  readonly logId: string
  readonly baseUrl: string
  readonly index: number
  /** Kind and version of the entry: `dsse 0.0.1`. */
  readonly kind: string
  /** The log's own word for when, under a promise that verified. */
  readonly integratedTimeMs?: number
  readonly proof: 'inclusion' | 'promise' | 'inclusion and promise'
}

export interface PublisherMatch {
  readonly publisherId: string
  readonly name: string
  readonly version: string
  readonly arn: string
  /** Whether the code signing config names this version. */
  readonly allowed: boolean
}

export interface SealReport {
  readonly digest: Sha256
  readonly format: SealFormat
  readonly form: SealForm | undefined
  readonly place: 'block' | 'detached'
  readonly outcome: 'trusted' | 'untrusted' | 'tampered'
  readonly signer: SignerIdentity | undefined
  readonly publisher: PublisherMatch | undefined
  /** Ids of every publisher for which it counts: thresholds match seals and publishers one to one. */
  readonly countsFor?: readonly string[]
  /** What the signature says; absent where it could not be read or says nothing but itself. */
  readonly meaning?: 'seal' | 'vouch' | 'attestation'
  /** Trusted times only (RULES §4), milliseconds. */
  readonly trustedTimesMs: readonly number[]
  /** Whose word the trusted times are. */
  readonly times?: readonly {
    readonly atMs: number
    readonly source: 'rfc3161' | 'rekor-v1'
    readonly authority: string
  }[]
  /** Transparency logs in which the signature verifiably stands. */
  readonly logs?: readonly SealLogEntry[]
  readonly expiresAtMs: number | undefined
  /** The signed predicate's release counter, "0" for want of one. */
  readonly counter: string
  readonly findings: readonly SealFinding[]
  /** What was present and not checked, for want of roots. */
  readonly unchecked: readonly string[]
}

/**
 * What the seals of one artifact say. `trusted`: at least one seal by an allowed publisher, none expired,
 * revoked or tampered among those that count. `tampered` never passes, whatever stands beside it.
 */
export interface Verdict {
  readonly kind: 'trusted' | 'unsigned' | 'untrusted' | 'tampered'
  readonly seals: readonly SealReport[]
  /** The four checks over all seals: what the gate and `lacre verify` show. All are always there. */
  readonly findings: readonly SealFinding[]
  /** Signatures of other formats found in the zip: named, and never a reason to trust it. */
  readonly unchecked?: readonly string[]
  /** First instant after which this verdict may change by itself (an expiry), if any. */
  readonly validUntilMs: number | undefined
  /** Signers behind trusted seals, each once over all kinds, as thresholds count them; absent in verdicts of before. */
  readonly signers?: number
}
