import type { AuditTrail, Witnesses } from '../audit/index.ts'
import type { BlobStore } from '../blobs/index.ts'
import type { Events } from '../events/index.ts'
import type { JobRunner } from '../jobs/index.ts'
import type { Keys } from '../keys/index.ts'
import type { ComplianceState, LiveSet } from '../live/index.ts'
import type { Logs, Metering } from '../logs/index.ts'
import type { Clock, Place, Principal, Random, Tracer } from '../model/index.ts'
import type { Runtime } from '../runtime/index.ts'
import type { Store } from '../store/index.ts'
import type { Webhooks } from '../webhooks/index.ts'
import type { AccessControl } from './access/access-control.ts'
import type { Examiner } from './examine.ts'
import type { Metrics } from './metrics.ts'
import type { PlanUse } from './plan-use.ts'
import type { Policies } from './policies-in-force.ts'
import type { RefusalBudget } from './refusal-budget.ts'
import type { ScrubState } from './scrub.ts'

/** One line per event: facts as fields, a constant phrase as message (STYLE "Logging"). */
export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** What an installation may set of AWS's quotas; what is not set is AWS's. */
export interface Quotas {
  readonly codeStorageBytes?: number | undefined
}

/** What an installation may set of break-glass; what is not set is 24 hours and two persons. */
export interface BreakGlassSettings {
  readonly maxTtlMs: number
  /** 1 where an installation has one person, and says so. */
  readonly quorum: 1 | 2
}

/** What an installation may set of reactions; what is not set is as shipped. */
export interface ReactionLimits {
  /** Names that are reacted to at once without a person. */
  readonly maxAliases: number
  /** What a running call of a release that is taken out of use has left, milliseconds. */
  readonly graceMs: number
}

/** How far the verifier is. */
export interface VerifierStatus {
  /** The world that all of the live set was judged in last, and when; `undefined` before the first time. */
  readonly verified:
    { readonly world: number; readonly atMs: number; readonly durationMs: number } | undefined
  readonly judged: number
  readonly evaluated: number
  /** Aliases by how they stand. */
  readonly states: Readonly<Partial<Record<ComplianceState, number>>> | undefined
  readonly clockIsOff: boolean
  /** Why the last look failed. */
  readonly fault: string | undefined
}

/** Judges what is live again, and reacts. */
export interface LiveWatch {
  /** Something was committed that it may depend on. */
  wake(): void
  status(): VerifierStatus
}

/** Fetches revocation lists: those that are due, and the ones named whether due or not. */
export interface ListRefresher {
  refresh(urls?: readonly string[]): Promise<void>
  start(): void
}

/** Holds what is stored against what it should be: slowly by itself, at once when asked for. */
export interface Scrubber {
  state(): ScrubState
  begin(): ScrubState
}

/** What an operation works with; built once in `app.ts`. */
export interface Deps {
  readonly place: Place
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly store: Store
  readonly blobs: BlobStore
  readonly keys: Keys
  readonly jobs: JobRunner
  /** Asynchronous invocations. */
  readonly events: Events
  /** Who is told of ledger entries. */
  readonly webhooks: Webhooks
  readonly live: LiveSet
  readonly runtime: Runtime
  readonly examiner: Examiner
  readonly metrics: Metrics
  readonly audit: AuditTrail
  readonly refusals: RefusalBudget
  /** Who may do what; forgets what it remembers after every governed commit. */
  readonly access: AccessControl
  /** What reads the policy set in force, in the snapshot that a decision is made in. */
  readonly policies: Policies
  /** Fetches the lists of publishers' URLs; absent where nothing is fetched. */
  readonly revocationLists?: ListRefresher
  /** Absent where nothing is scrubbed. */
  readonly scrubs?: Scrubber
  /** Those who cosign the ledger's checkpoints. */
  readonly witnesses?: Pick<Witnesses, 'standing' | 'start'>
  readonly quotas?: Quotas
  readonly breakGlass?: BreakGlassSettings
  readonly reactions?: ReactionLimits
  /** What functions wrote, and what their attempts cost; absent where none run. */
  readonly logs?: Logs
  readonly metering?: Metering
  /** Absent where nobody watches what work is made of. */
  readonly tracer?: Tracer | undefined
  /** Absent where nothing is watched: offline, and in tests of something else. */
  readonly verifier?: LiveWatch
}

/** Who asks, established by `auth`, and under which request id. */
export interface Caller {
  readonly principal: Principal
  readonly requestId: string
  /** By which it came; absent for a token. */
  readonly accessKeyId?: string | undefined
  /** Whether the change is only to be planned, or to be what a plan said. */
  readonly plan?: PlanUse
}
