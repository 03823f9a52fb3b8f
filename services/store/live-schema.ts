import type { Generated } from 'kysely'

/** What is found of what is live, and what the service does about it. */
export interface LiveSchema {
  live_verdict: LiveVerdictTable
  live_verification: LiveVerificationTable
  reaction_setting: ReactionSettingTable
  reaction: ReactionTable
  reaction_hold: ReactionHoldTable
  version_refusal: VersionRefusalTable
}

/**
 * What holds of one live interval. `effective` is when it is so, `recorded` when that was known: a revocation that counts
 * from yesterday changes what is now known of yesterday, and what was known yesterday stays readable.
 */
export interface LiveVerdictTable {
  id: Generated<number>
  /** live_interval.id; beyond that interval's end the row says nothing. */
  live_id: number
  state: 'compliant' | 'violating' | 'excepted' | 'indeterminate'
  /** JSON: VerdictReason[] of `model`. */
  reasons: string
  /** JSON: the positive evidence, ViolationCause[]. */
  causes: string
  /** Until when an exception lets it be. */
  until_ms: number | null
  policy_set: string
  /** In which this was found. Later worlds that found the same stand in `live_verification`. */
  world: number
  effective_from: number
  effective_to: number | null
  recorded_from: number
  recorded_to: number | null
}

/** All that was live in a world was judged in it. */
export interface LiveVerificationTable {
  world: number
  at: number
  judged: number
  not_compliant: number
  policy_set: string
}

export interface ReactionSettingTable {
  /** FUNCTION or FUNCTION:ALIAS */
  scope: string
  reaction: 'record' | 'alert' | 'freeze' | 'revert' | 'refuse'
  last_modified: number
}

/** What was done about a verdict. */
interface ReactionTable {
  verdict_id: number
  wanted: string
  /** `freeze` where `revert` found no way back. */
  done: string
  decision_id: string
  at: number
}

/** More reactions at once than may be done without a person. */
export interface ReactionHoldTable {
  id: string
  aliases: number
  /** The last verdict that it covers. */
  through: number
  /** JSON: the ids of all that it covers; null where it is older than such lists. */
  verdicts: string | null
  opened_at: number
  /** `closed`: nothing of it waits any more. */
  state: 'open' | 'released' | 'dismissed' | 'closed'
  settled_at: number | null
  settled_by: string | null
}

/** A release of a version that no qualifier runs. */
interface VersionRefusalTable {
  function_name: string
  version: string
  release: string
  reason: string
  refused_at: number
}
