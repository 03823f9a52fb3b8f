import type { Principal } from './principal.ts'
import type { ErrorCode } from './errors.ts'
import type { Sha256 } from './digest.ts'
import type { SigningRequirements } from './publisher.ts'
import type { SubjectAttestations } from './attestation.ts'
import type { Verdict } from './verdict.ts'

/** One rule looked at. All are looked at; a refusal tells all of them (promise P6). */
export interface DecisionCheck {
  readonly rule: string
  /** The ARN or name of what was judged: the function or which layer. */
  readonly subject: string
  readonly status: 'passed' | 'failed' | 'warned' | 'skipped'
  readonly expected: string
  readonly got: string
  readonly nearest?: string
  readonly fix?: string
}

export interface Decision {
  readonly id: string
  /** RFC 3339. */
  readonly at: string
  readonly outcome: 'allow' | 'warn' | 'deny'
  readonly refusal?: ErrorCode
  readonly checks: readonly DecisionCheck[]
  readonly policySet: { readonly version: string; readonly determining: readonly string[] }
  readonly factsDigest: Sha256
  readonly world: number
}

/** What the live set would change from and to: release digests or version numbers, by slot. */
export interface ChangeFacts {
  readonly from: string | null
  readonly to: string | null
  readonly weight?: number
}

/** One artifact the change would make invocable: the function's code, or one layer of it. */
export interface SubjectFacts {
  readonly kind: 'function' | 'layer'
  readonly arn: string
  readonly codeSha256: Sha256
  readonly sha256: Sha256
  readonly tree: Sha256
  readonly verdict: Verdict
  /** Absent where nothing is attested of it. */
  readonly attestations?: SubjectAttestations
}

export interface SigningConfigFacts {
  readonly arn: string
  readonly policy: 'Warn' | 'Enforce'
  readonly allowedPublishers: readonly string[]
  /** Absent where one signer is enough. */
  readonly requirements?: SigningRequirements
}

/** All that a decision is a function of: plain JSON; its RFC 8785 SHA-256 is the facts digest (CONTRACTS). */
export interface Facts {
  readonly v: 1
  readonly at: string
  readonly world: number
  readonly validUntil: string | null
  readonly principal: Principal
  /** The API's operation: `lambda:UpdateAlias`. */
  readonly action: string
  readonly resource: string
  readonly release: Sha256 | null
  readonly change: ChangeFacts
  readonly subjects: readonly SubjectFacts[]
  readonly signingConfig: SigningConfigFacts | null
  /** `none` where functions can read the host (RULES §8). */
  readonly isolation: 'full' | 'partial' | 'none'
  /** Names of environment variables that load code, RULES §8. */
  readonly loaderVariables: readonly string[]
  /** What layers override or add that runs by itself: `/opt/extensions/*` and the like. */
  readonly noteworthyPaths: readonly string[]
}
