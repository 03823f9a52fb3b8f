import type { Decision, DecisionCheck } from '../model/index.ts'

/** What is said of something live, before or after a change. */
export interface EffectSide {
  readonly outcome: Decision['outcome']
  /** The worst verdict over code and layers; `none` where nothing is judged. */
  readonly verdict: string
  /** Whether it was judged for this plan; else it is what was decided then. */
  readonly evaluated: boolean
}

export type EffectKind = 'refused' | 'admitted' | 'warned' | 'changed'

export interface JudgedSide extends EffectSide {
  /** Those that failed or warned. */
  readonly checks: readonly DecisionCheck[]
}

export interface EffectFound {
  readonly kind: EffectKind
  readonly now: EffectSide
  readonly after: EffectSide
  /** Why it is refused or warned of then; where it is admitted, what no longer stands against it. */
  readonly why: readonly DecisionCheck[]
}

/** What a change does to one thing that is live; `undefined` where nothing. */
export function compareSides(now: JudgedSide, after: JudgedSide): EffectFound | undefined {
  const kind = kindOf(now, after)
  if (kind === undefined) return undefined
  return {
    kind,
    now: toSide(now),
    after: toSide(after),
    why: kind === 'admitted' ? now.checks : after.checks,
  }
}

function kindOf(now: JudgedSide, after: JudgedSide): EffectKind | undefined {
  if (now.outcome !== after.outcome) {
    if (after.outcome === 'deny') return 'refused'
    if (now.outcome === 'deny') return 'admitted'
    return after.outcome === 'warn' ? 'warned' : 'changed'
  }
  return now.verdict === after.verdict ? undefined : 'changed'
}

function toSide({ outcome, verdict, evaluated }: EffectSide): EffectSide {
  return { outcome, verdict, evaluated }
}

const VERDICTS = ['tampered', 'untrusted', 'unsigned', 'trusted'] as const

/** The worst of several verdicts, `none` of none. */
export function worstOf(kinds: readonly string[]): string {
  return VERDICTS.find((kind) => kinds.includes(kind)) ?? 'none'
}
