import type { PolicySet } from './cedar.ts'

/** The admission set that the gate asks, by the name it was chosen by. */
export interface PolicyInForce {
  readonly name: string
  readonly set: PolicySet
}

const DIGEST_SHOWN_CHARS = 12

/** As decisions name it: the name for people, the digest for whoever compares. */
export function policySetVersion({ name, set }: PolicyInForce): string {
  return `${name}@${set.digest.slice(0, DIGEST_SHOWN_CHARS)}`
}
