import { decodeTimestampResponse, decodeTimestampToken, malformed } from '../seal/index.ts'
import type { TimestampToken } from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'
import type { Evidence } from './evidence.ts'
import type { KnownAuthority } from './known-authority.ts'
import { verifyTimestamp } from './timestamp.ts'
import type { TrustedTime } from './witnessed.ts'

/**
 * The trusted times that a seal's timestamps give to whoever knows these authorities. Without any, nothing in them is
 * looked at; with some, each must be read and verify or be a stranger's (RULES §3).
 * @throws PlatformError INVALID_SEAL
 */
export function findTimestamps(
  { timestamps, signature, seal }: Pick<Evidence, 'timestamps' | 'signature' | 'seal'>,
  authorities: readonly KnownAuthority[],
  cache: VerificationCache,
): { readonly times: readonly TrustedTime[]; readonly unchecked: readonly string[] } {
  if (timestamps.length === 0) return { times: [], unchecked: [] }
  if (authorities.length === 0)
    return {
      times: [],
      unchecked: [`${timestamps.length} RFC 3161 timestamp(s): no publisher has an authority`],
    }
  const outcomes = timestamps.map((bytes) =>
    verifyTimestamp(readToken(bytes, seal.format), signature, authorities, cache),
  )
  return {
    times: outcomes.flatMap((outcome) =>
      outcome.kind === 'time'
        ? [{ atMs: outcome.atMs, source: 'rfc3161' as const, authority: outcome.authority }]
        : [],
    ),
    unchecked: outcomes.flatMap((outcome) =>
      outcome.kind === 'unknown'
        ? [`RFC 3161 timestamp by \`${outcome.signerName}\`: unknown authority`]
        : [],
    ),
  }
}

/** A CMS holds the token itself, a Sigstore bundle the authority's whole response. */
function readToken(bytes: Uint8Array, format: Evidence['seal']['format']): TimestampToken {
  if (format === 'cms') return decodeTimestampToken(bytes)
  const response = decodeTimestampResponse(bytes)
  if (response.kind === 'refused')
    throw malformed('timestamp-status', 'the seal holds a timestamp that its authority refused')
  return response.token
}
