import { policySetVersion, type PolicySet } from './policy/index.ts'
import type { Log } from './operations/index.ts'
import { loadShippedAuthorization } from './shipped-policies.ts'

const NAME = 'authorization'

/**
 * Where the authorization set comes from: the one place to change for sets from elsewhere. What it gives back is asked at
 * every question. A set that does not load leaves the built-in table of shipped roles (RULES §5).
 */
export function authorizationInForce(
  log: Log,
  load = loadShippedAuthorization,
): () => PolicySet | undefined {
  try {
    const set = load()
    return () => set
  } catch (err) {
    log.error({ err }, 'the authorization set does not load; the built-in table of roles decides')
    return () => undefined
  }
}

/** `serve` says what decides who may do what. */
export function authorizationNotice(set: PolicySet | undefined): string {
  return set === undefined
    ? 'authorization: the built-in table of roles, since the set does not load'
    : `authorization: ${policySetVersion({ name: NAME, set })}`
}
