import type { PolicySet } from './policy-set.ts'

/** A set that is kept and cannot be used: nothing is permitted by it but leaving (RULES §5). */
export interface UnusableSet {
  readonly digest: string
  /** Why, for people. */
  readonly fault: string
  /** The way out; without one that of an admission set. */
  readonly fix?: string | undefined
}

/** The set that is asked, by the name it was put in force under. */
export interface PolicyInForce {
  readonly name: string
  /** Its number among the sets of its kind; absent for a set that nobody keeps. */
  readonly version?: number
  readonly set: PolicySet | UnusableSet
}

const DIGEST_SHOWN_CHARS = 12

/** As decisions name it: the name for people, the digest for whoever compares. */
export function policySetVersion({
  name,
  set,
}: {
  readonly name: string
  readonly set: { readonly digest: string }
}): string {
  return `${name}@${set.digest.slice(0, DIGEST_SHOWN_CHARS)}`
}

export function isUsable(set: PolicySet | UnusableSet): set is PolicySet {
  return !('fault' in set)
}
