import type { RowRef } from '../audit/index.ts'
import type { BlobSource } from '../blobs/index.ts'
import type {
  AcceptedArtifact,
  ArtifactIdentity,
  ChangeFacts,
  Decision,
  Json,
  LeavingFacts,
  Reach,
  SealInput,
  Sha256,
  Share,
} from '../model/index.ts'
import type { Reader, Writer } from '../store/index.ts'
import type { PlannedContent } from './plan-use.ts'

/** What is known of the bytes of one zip that passed the strict profile: facts of immutable bytes, no verdict. */
export interface Examination {
  readonly identity: ArtifactIdentity
  readonly sealBlock: { readonly offset: number; readonly length: number } | undefined
  /** The seals of the block; detached ones are added from the store when judged. */
  readonly seals: readonly SealInput[]
  /** A block that cannot be read is a tampered one (RULES §3). */
  readonly brokenSeal: string | undefined
  /** Signatures of other formats in the zip, for the verdict to name. */
  readonly unchecked: readonly string[]
  /** Paths that run by themselves or shadow libraries when this is a layer (RULES §8). */
  readonly noteworthyPaths: readonly string[]
  /** Whether it carries AWS Signer's own, unframed signature. */
  readonly awsSigned?: boolean
}

/** A zip that is not yet admitted, with its bytes at hand. */
export interface ExaminedArtifact extends Examination {
  readonly source: BlobSource
}

/** The same of an admitted blob. */
export interface StoredArtifact extends Examination {
  readonly path: string
}

/** One artifact that the change would make invocable. `artifact` is new; without it the stored blob of that digest is judged. */
export interface Subject {
  readonly kind: 'function' | 'layer'
  readonly arn: string
  /** The function's or layer's bare name: what a seal's `names` are matched with. */
  readonly name: string
  readonly codeSha256: Sha256
  readonly artifact?: ExaminedArtifact
  /** Judged alone: its bytes are not kept by this change. */
  readonly notKept?: boolean
}

/** What a change is about, read in one snapshot. */
export interface ChangeFactsInput {
  readonly change: ChangeFacts
  readonly release: Sha256 | null
  readonly subjects: readonly Subject[]
  /** The config whose checks apply: the function's, or the one being attached. `null`: no signing checks. */
  readonly codeSigningConfigId: string | null
  readonly environmentNames: readonly string[]
  /** Hosts that what would run may connect to. */
  readonly egress?: readonly string[]
  /** What the alias that is moved would give each release. */
  readonly shares?: readonly Share[]
  /** The change only takes away: no policy is asked, nothing is frozen (promise P5). */
  readonly takesAway?: true
  /** Aliases that get other releases, or other shares of them. */
  readonly moves?: readonly AliasMove[]
  /** Where the service itself moves an alias back, to what it found (promise P5): no caller states it. */
  readonly leaving?: LeavingFacts
  /** What the change is besides: each is asked of the policies too. */
  readonly alsoAsked?: readonly { readonly action: string; readonly resource: string }[]
  /** Of the function, as the change leaves it; as it is where not given. */
  readonly reach?: Reach['mode']
}

/** What an alias would serve: every release with its share of the calls. */
export interface AliasMove {
  readonly functionName: string
  readonly alias: string
  readonly shares: readonly {
    /** ARN of the function's version: that of the subject. */
    readonly subject: string
    readonly release: Sha256
    readonly share: number
  }[]
}

export interface Committed<T> {
  readonly result: T
  /** Every governed row written or deleted: hashed into the ledger entry. */
  readonly touched: readonly RowRef[]
  /** Functions whose live set may have changed: intervals are closed and opened, and the snapshot replaced. */
  readonly functionNames?: readonly string[]
}

/**
 * A change to what can be invoked or to what is trusted. All of them pass `govern`: the one choke point (promise P2).
 */
export interface Change<T> {
  /** AWS's name of the operation: `lambda:UpdateAlias`; ours: `lacre:PutPublisher`. */
  readonly action: string
  /** The ARN of what is changed. */
  readonly resource: string
  /** Of the ledger entry, where it is another one than `change`. */
  readonly type?: string
  /** Raised when the written rows are something other decisions depend on (CONTRACTS "World"). */
  readonly raisesWorld: boolean
  /** Existence and guards (404, 409, 412) are thrown here; called again when the world moved. */
  read(reader: Reader, atMs: number): Promise<ChangeFactsInput>
  /** SQL only, short. Guards that may have moved since `read` (RevisionId, existence) are checked again here. */
  commit(tx: Writer, admitted: Admitted, atMs: number): Promise<Committed<T>>
  /** What a plan of it is bound to, asked after `read`; a change without it takes no plan. */
  planned?(): PlannedContent
  /** Small facts for the ledger entry beside the row hashes. */
  note?(admitted: Admitted): Json
}

/** Thrown by `commit` where the rows are not those that were read: the change is read, judged and decided again. */
export class RowsMoved extends Error {
  override readonly name = 'RowsMoved'
}

export interface Admitted {
  readonly decision: Decision
  /** New artifacts, already stored under their digest, in the order of `subjects`. */
  readonly accepted: readonly AcceptedArtifact[]
}
