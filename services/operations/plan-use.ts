import type { Json, Sha256 } from '../model/index.ts'

/** `make`: judge and stop there. `hold`: commit what the plan of this hash said, or nothing. */
export type PlanUse = { readonly kind: 'make' } | { readonly kind: 'hold'; readonly hash: Sha256 }

/** What tells a change from another one of its action and resource. */
export interface PlannedContent {
  /** Everything that the caller chose; secrets as digests that cannot be guessed from. */
  readonly content: Json
  /** Revisions of the rows that it was read from. */
  readonly rows?: Json
  /** Its effects are on the whole live set: a plan of it is stale once anything else has become live. */
  readonly wholeLiveSet?: boolean
}
