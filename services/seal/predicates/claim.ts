/** What a predicate says, as far as facts are made of it. Members that nothing uses are not looked at. */
export type Claim =
  | ProvenanceClaim
  | SbomClaim
  | ScanClaim
  | VexClaim
  | TestsClaim
  | SummaryClaim
  | { readonly kind: 'other' }

export interface ProvenanceClaim {
  readonly kind: 'provenance'
  /** `builder.id`, as written. */
  readonly builder: string
  readonly buildType: string
  /** `https://host/owner/name`: what Git and SPDX write in front of and behind it is taken off. */
  readonly source?: string
  /** Of the source, hex: a commit. */
  readonly commit?: string
  readonly ref?: string
  readonly invocation?: string
}

export interface SbomClaim {
  readonly kind: 'sbom'
  readonly format: 'CycloneDX' | 'SPDX'
  readonly components: number
  /** Each once, sorted. */
  readonly licences: readonly string[]
  readonly unlicensed: number
  /** What a CycloneDX document says of vulnerabilities beside its components. */
  readonly vex: readonly VexStatement[]
}

/** One component of an SBOM. */
export interface SbomPackage {
  readonly name: string
  readonly version?: string
  readonly purl?: string
  readonly licences: readonly string[]
}

export type Severity = 'critical' | 'high' | 'medium' | 'low' | 'unknown'

export interface Vulnerability {
  readonly id: string
  readonly severity: Severity
  /** Package URL of what has it, where the report tells. */
  readonly purl?: string
}

export interface ScanClaim {
  readonly kind: 'scan'
  readonly scanner: string
  /** `undefined` where the report has no results in a form that is known: that is not the same as none. */
  readonly vulnerabilities: readonly Vulnerability[] | undefined
}

/** What somebody says of vulnerabilities by any of their names. */
export interface VexStatement {
  readonly ids: readonly string[]
  /** `absent`: it is not there, or fixed. `present`: it is, or nobody knows yet. */
  readonly status: 'absent' | 'present'
  /** Package URLs it is said of, or the artifact's digest as `sha256:HEX`; `undefined` for all of the artifact. */
  readonly products: readonly string[] | undefined
}

export interface VexClaim {
  readonly kind: 'vex'
  readonly statements: readonly VexStatement[]
}

export interface TestsClaim {
  readonly kind: 'tests'
  readonly passed: boolean
  readonly warned: boolean
}

export interface SummaryClaim {
  readonly kind: 'summary'
  readonly passed: boolean
  readonly verifier: string
  readonly levels: readonly string[]
  readonly policy: string
}
