/** What is found of a version behind a name, judged as if it were moved there now. */
export type VerdictState = 'compliant' | 'violating' | 'excepted' | 'indeterminate'

/** Positive evidence: what somebody recorded, or what ended. What could not be checked is none (RULES §6). */
export type ViolationCause = 'revocation' | 'expiry' | 'publisher' | 'policy' | 'floor'

/** A check that does not pass. */
export interface VerdictReason {
  readonly rule: string
  readonly subject: string
  readonly expected: string
  readonly got: string
}

export interface VerdictFinding {
  readonly state: VerdictState
  readonly reasons: readonly VerdictReason[]
  readonly causes: readonly ViolationCause[]
  /** The end of the exception that lets it be, milliseconds. */
  readonly untilMs: number | null
}

/** What is done about a violation, from the least to the most. From `alert` on, each alerts too. */
export const REACTIONS = ['record', 'alert', 'freeze', 'revert', 'refuse'] as const
export type Reaction = (typeof REACTIONS)[number]

/** As shipped: nothing of the alias changes but by leaving, and somebody is told (DESIGN §6). */
export const DEFAULT_REACTION: Reaction = 'freeze'

export function isStronger(one: Reaction, other: Reaction): boolean {
  return REACTIONS.indexOf(one) > REACTIONS.indexOf(other)
}
