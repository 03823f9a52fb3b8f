import type { Sha256 } from './digest.ts'
import type { SealFinding } from './verdict.ts'

/** What an attestation speaks of, by its predicate type; `other` counts as present and says nothing we read. */
export type AttestationKind = 'provenance' | 'sbom' | 'scan' | 'vex' | 'tests' | 'summary' | 'other'

/** One attestation beside an artifact, and whether it counts here and now. */
export interface AttestationReport {
  /** Of what was signed and by which signature, however it is wrapped. */
  readonly digest: Sha256
  /** Absent where the document cannot be read. */
  readonly predicateType?: string
  readonly kind?: AttestationKind
  /** `refused`: malformed, about another artifact, or its signature does not hold. `ignored`: sound, and counts for nothing. */
  readonly outcome: 'counts' | 'ignored' | 'refused'
  /** A newer one of the same kind by the same attester took its place. */
  readonly superseded?: boolean
  /** The publisher whose attestation it is. */
  readonly attester?: { readonly id: string; readonly name: string; readonly arn: string }
  readonly signer?: string
  /** Trusted times only (RULES §4), milliseconds; dates in the predicate are none. */
  readonly trustedTimesMs: readonly number[]
  readonly findings: readonly SealFinding[]
  /** What was present and not checked, for want of roots. */
  readonly unchecked: readonly string[]
}

interface Attested {
  /** Names of publishers. */
  readonly attesters: readonly string[]
}

/** Said of a source or a ref that a provenance does not name: a set that lacked it would look better than it is. */
export const NOT_NAMED = 'not-named'

export interface ProvenanceFact extends Attested {
  readonly builders: readonly string[]
  readonly buildTypes: readonly string[]
  /** Repositories as `https://host/owner/name`; `not-named` where a provenance names none. */
  readonly sources: readonly string[]
  /** Commits or other digests of the source, hex; `not-named` likewise. */
  readonly commits: readonly string[]
  readonly refs: readonly string[]
}

export interface SbomFact extends Attested {
  readonly components: number
  /** SPDX ids, names or expressions as written, each once. */
  readonly licences: readonly string[]
  /** Components without a licence. */
  readonly unlicensed: number
  /** False where there are more licences than are listed. */
  readonly complete: boolean
}

/** Vulnerabilities by severity, after what VEX takes away. */
export interface ScanFact extends Attested {
  readonly critical: number
  readonly high: number
  readonly medium: number
  readonly low: number
  /** Whose severity the report does not tell. */
  readonly unknown: number
  /** How many VEX took away. */
  readonly lowered: number
  /** Trusted time of the oldest of the reports that count; absent where one has none. */
  readonly atMs?: number
}

export interface TestsFact extends Attested {
  readonly passed: boolean
  readonly warned: boolean
  readonly atMs?: number
}

export interface SummaryFact extends Attested {
  readonly passed: boolean
  readonly verifiers: readonly string[]
  /** Those that every summary names. */
  readonly levels: readonly string[]
  readonly policies: readonly string[]
  readonly atMs?: number
}

/** What the attestations that count say of one artifact; a member is absent where nobody who may says it. */
export interface AttestedFacts {
  /** Predicate types of all that count. */
  readonly types: readonly string[]
  readonly provenance?: ProvenanceFact
  readonly sbom?: SbomFact
  readonly scan?: ScanFact
  readonly tests?: TestsFact
  readonly summary?: SummaryFact
}

export interface SubjectAttestations {
  readonly reports: readonly AttestationReport[]
  readonly facts: AttestedFacts
  /** First instant after which this may change by itself. */
  readonly validUntilMs: number | undefined
}
