import { PlatformError, sha256, type Clock, type Principal } from '../../model/index.ts'
import type { Store } from '../../store/index.ts'
import { matchesIdentity } from '../identities.ts'
import { listPrincipals, type PrincipalRecord } from '../principals.ts'
import type { TokenSettings } from './issuers.ts'
import type { IssuerKeys } from './jwks.ts'
import { refuse, verifyToken, type VerifiedToken } from './token.ts'

/** Tokens in memory; far above what comes in a few minutes. */
const TOKENS_LIMIT = 1_000
/** A verified token is taken for so long without looking at its issuer's keys again: a key taken back is out by then. */
const KEPT_MS = 5 * 60_000

export interface BearerTokens {
  /** @throws PlatformError INVALID_TOKEN, TOKEN_EXPIRED, UNKNOWN_ACCESS_KEY (nobody comes by it), UNAVAILABLE */
  principalOf(token: string): Promise<Principal>
  /** Every token is verified and its principal read again at its next use. */
  forget(): void
}

export interface BearerParts {
  readonly store: Store
  readonly clock: Clock
  readonly settings: TokenSettings
  readonly keys: Pick<IssuerKeys, 'of'>
}

interface Kept {
  readonly principal: Principal
  readonly untilMs: number
}

/** `Authorization: Bearer …`; `undefined` for another scheme. The scheme's name is matched as RFC 9110 §11.1 has it. */
export function bearerToken(authorization: string | undefined): string | undefined {
  const match = /^bearer +([^\s]+) *$/i.exec(authorization ?? '')
  return match?.[1]
}

/** Tokens of OIDC issuers as principals: verified once, then known by their digest until a commit or a few minutes later. */
export function openBearerTokens({ store, clock, settings, keys }: BearerParts): BearerTokens {
  const known = new Map<string, Kept>()
  let generation = 0
  return {
    principalOf: async (token) => {
      const digest = sha256(token)
      const nowMs = clock.nowMs()
      const kept = known.get(digest)
      if (kept !== undefined && nowMs < kept.untilMs) return kept.principal
      const started = generation
      const verified = await verifyToken(token, { settings, keys, nowMs })
      const principal = toPrincipal(verified, await store.snapshot(listPrincipals))
      // What was read before a commit is not kept after it.
      if (started === generation) {
        if (known.size >= TOKENS_LIMIT) known.clear()
        known.set(digest, { principal, untilMs: Math.min(verified.expiresAtMs, nowMs + KEPT_MS) })
      }
      return principal
    },
    forget: () => {
      generation += 1
      known.clear()
    },
  }
}

/**
 * Whom a verified token is of. A person is his row, whether he comes by a key or a token. A workload is issuer and subject
 * (RULES §5), with the roles of every mapping that names it.
 */
export function toPrincipal(token: VerifiedToken, records: readonly PrincipalRecord[]): Principal {
  const { issuer, subject, claims } = token
  const matching = records.filter(
    ({ identity, disabledAtMs }) =>
      identity !== undefined && disabledAtMs === undefined && matchesIdentity(identity, token),
  )
  const people = matching.filter(({ kind }) => kind === 'user')
  if (people.length > 1) throw refuse('two people come by it')
  const [person] = people
  if (person !== undefined) {
    const { id, name, roles } = person
    return { id, kind: 'user', name, roles, claims }
  }
  const [first] = matching
  if (first === undefined)
    throw new PlatformError(
      'UNKNOWN_ACCESS_KEY',
      'The security token included in the request is invalid: nobody here comes by it',
    )
  const digest = sha256('lacre workload v1\0', JSON.stringify([issuer, subject]))
  return {
    id: `wkl-${digest.slice(0, 32)}`,
    kind: 'workload',
    name: first.name,
    roles: [...new Set(matching.flatMap(({ roles }) => roles))].toSorted(),
    claims,
  }
}
