import type { ApprovalFacts, ExceptionFacts, MoveFacts, SignerOwnerFacts } from './approval.ts'
import type { Principal } from './principal.ts'
import type { ErrorCode } from './errors.ts'
import type { Sha256 } from './digest.ts'
import type { SigningRequirements } from './publisher.ts'
import type { StageFacts } from './stage.ts'
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
  /** Ids of the break-glass exceptions that turned a no into this warning. */
  readonly exceptions?: readonly string[]
  /** It could not be asked: what it says is no evidence of anything. */
  readonly unevaluated?: true
}

export interface Decision {
  readonly id: string
  /** RFC 3339. */
  readonly at: string
  readonly outcome: 'allow' | 'warn' | 'deny'
  readonly refusal?: ErrorCode
  readonly checks: readonly DecisionCheck[]
  readonly policySet: {
    /** `name@digest` */
    readonly version: string
    /** Its number in the history that the service keeps. */
    readonly number?: number
    readonly determining: readonly string[]
  }
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
  /** Of alias moves alone. */
  readonly move?: MoveFacts
  /** Requests for approval that name exactly this move by this principal. */
  readonly approvals?: readonly ApprovalFacts[]
  /** Whose the signers are. */
  readonly signerOwners?: readonly SignerOwnerFacts[]
  /** Granted break-glass for what the move reaches, in force or over: `isInForce` says which. */
  readonly exceptions?: readonly ExceptionFacts[]
  readonly subjects: readonly SubjectFacts[]
  readonly signingConfig: SigningConfigFacts | null
  /** `none` where functions can read the host (RULES §8). */
  readonly isolation: 'full' | 'partial' | 'none'
  /** Names of environment variables that load code, RULES §8. */
  readonly loaderVariables: readonly string[]
  /** Hosts that the release may connect to (`parseEgressList`); absent where it may connect to none. */
  readonly egress?: readonly string[]
  /** What layers override or add that runs by itself: `/opt/extensions/*` and the like. */
  readonly noteworthyPaths: readonly string[]
  /** Freezes, floors, soak and reach of what is changed; absent where the change touches no function. */
  readonly stage?: StageFacts
  /** The change only takes away: no policy is asked (promise P5). */
  readonly takesAway?: true
  /** What the change is besides, each asked of the policies too: publish on upload is a PublishVersion. */
  readonly alsoAsked?: readonly { readonly action: string; readonly resource: string }[]
}
