import type { Deps } from './context.ts'

const PURPOSE = 'environment-values'

/**
 * HMACs for values of environment variables: equal values have equal digests, and without the key a short value
 * cannot be guessed from its digest (RULES, Words).
 */
export function environmentDigest(deps: Deps): (value: string) => string {
  return (value) => deps.keys.hmac(PURPOSE, value)
}
