import type { Sha256 } from './digest.ts'

/** Every week, on these days (1 is Monday), from a wall-clock time to another; to the next day where `to` is not later. */
export interface WeeklyRange {
  readonly kind: 'weekly'
  readonly days: readonly number[]
  /** `HH:MM`; `to` may be `24:00`. */
  readonly from: string
  readonly to: string
}

/** Once, in the window's time zone: `2026-12-20T18:00` to `2027-01-04T08:00`, the end left out. */
export interface DatedRange {
  readonly kind: 'dated'
  readonly from: string
  readonly to: string
}

/** Times at which nothing may change; read by the wall clock of one time zone. */
export interface FreezeWindow {
  readonly name: string
  /** IANA: `Europe/Lisbon`. */
  readonly timeZone: string
  /** FUNCTION or FUNCTION:ALIAS, `*` within a segment. Without an alias: the function and every alias of it. */
  readonly scope: string
  readonly ranges: readonly (WeeklyRange | DatedRange)[]
  /** Whole local days, `YYYY-MM-DD`. */
  readonly holidays: readonly string[]
}

/** One freeze that holds for a change. */
export interface FreezeFact {
  readonly kind: 'freeze' | 'window'
  /** FUNCTION, FUNCTION:ALIAS, or the name of the window. */
  readonly name: string
  readonly reason: string
}

/** Below which counter of one publisher an alias takes nothing. */
export interface Floor {
  readonly publisher: string
  /** u64 as a decimal string, never "0". */
  readonly counter: string
  /** Of the last known good, or null where an operator set the floor. */
  readonly release: string | null
  readonly raisedAtMs: number
  readonly why: string
}

/** A floor that holds for one alias that the change moves. */
export interface FloorFact extends Floor {
  /** FUNCTION:ALIAS */
  readonly place: string
}

/** A release that a governed exception lets below the floor, until it expires. */
export interface FloorExceptionFact {
  readonly id: string
  readonly place: string
  readonly release: string
  readonly expiresAtMs: number
}

/** What an alias demands of a release: how long it was wholly live in another one. */
export interface PromotionRule {
  /** FUNCTION:ALIAS, `*` within the function's segment. */
  readonly scope: string
  readonly from: string
  readonly soakMs: number
  /** How long ago that time may have ended; null for no bound. */
  readonly endedWithinMs: number | null
}

export interface PromotionFact {
  readonly place: string
  readonly rule: string
  readonly from: string
  readonly soakMs: number
  /** ARN of what is to be promoted. */
  readonly subject: string
  readonly release: string
  /** Longest unbroken time that counts. */
  readonly soakedMs: number
}

/** A release of which an alias would get a larger share than it has now. */
export interface RisingShare {
  /** FUNCTION:ALIAS */
  readonly place: string
  /** ARN of the function's version: a subject of the facts. */
  readonly subject: string
  readonly release: Sha256
  readonly share: number
}

/** Found by the service itself: a move away from what violates to what was good here before (RULES, promise P5). */
export interface LeavingFacts {
  /** What is served now and is judged violating now, with the rules that say so. */
  readonly violating: readonly { readonly version: string; readonly rules: readonly string[] }[]
  /** What takes over: live in this alias before by that decision, and judged compliant now. */
  readonly to: readonly {
    readonly version: string
    readonly release: string
    readonly decisionId: string
  }[]
}

/** What holds for a stage (a function's name, an alias's name) at the time of the change. */
export interface StageFacts {
  /** `none` where the change makes no function invocable. */
  readonly reach: 'all' | 'aliases' | 'none'
  /** The largest share that a release never wholly live in that alias would get; 0 where there is none. */
  readonly exposes: number
  readonly freezes: readonly FreezeFact[]
  readonly rising: readonly RisingShare[]
  readonly floors: readonly FloorFact[]
  readonly floorExceptions: readonly FloorExceptionFact[]
  readonly promotions: readonly PromotionFact[]
  readonly leaving: LeavingFacts | null
}

/** How a function may be named in an invocation, and which direct targets stay open under `aliases`. */
export interface Reach {
  readonly mode: 'all' | 'aliases'
  /** Version digits and `$LATEST`. */
  readonly direct: readonly string[]
}
