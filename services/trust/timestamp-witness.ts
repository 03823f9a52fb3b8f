import { sha256 } from '../model/index.ts'
import { decodeTimestampResponse, decodeTimestampToken, malformed } from '../seal/index.ts'
import type { TimestampToken } from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'
import { revocationTargets } from './certificate.ts'
import type { Evidence } from './evidence.ts'
import type { KnownAuthority } from './known-authority.ts'
import type { EvidenceContext } from './signer.ts'
import { verifyTimestamp, type TimestampOutcome } from './timestamp.ts'
import type { TrustedTime } from './witnessed.ts'

/**
 * The trusted times that a seal's timestamps give to whoever knows these authorities. Without any, nothing in them is
 * looked at; with some, each must be read and verify or be a stranger's (RULES §3).
 * @throws PlatformError INVALID_SEAL
 */
export function findTimestamps(
  { timestamps, signature, seal }: Pick<Evidence, 'timestamps' | 'signature' | 'seal'>,
  authorities: readonly KnownAuthority[],
  { input, cache }: Pick<EvidenceContext, 'input' | 'cache'>,
): Stamped {
  if (timestamps.length === 0) return { times: [], unchecked: [], changesAtMs: [] }
  if (authorities.length === 0)
    return {
      times: [],
      unchecked: [`${timestamps.length} RFC 3161 timestamp(s): no publisher has an authority`],
      changesAtMs: [],
    }
  const stamps = timestamps.map((bytes) => {
    const outcome = verifyTimestamp(readToken(bytes, seal.format), signature, authorities, cache)
    return outcome.kind === 'time' ? toStamp(outcome, input, cache) : toStranger(outcome.signerName)
  })
  return {
    times: stamps.flatMap(({ times }) => times),
    unchecked: stamps.flatMap(({ unchecked }) => unchecked),
    changesAtMs: stamps.flatMap(({ changesAtMs }) => changesAtMs),
  }
}

interface Stamped {
  readonly times: readonly TrustedTime[]
  readonly unchecked: readonly string[]
  /** Instants after which an authority is revoked. */
  readonly changesAtMs: readonly number[]
}

function toStranger(signerName: string): Stamped {
  const unchecked = [`RFC 3161 timestamp by \`${signerName}\`: unknown authority`]
  return { times: [], unchecked, changesAtMs: [] }
}

/** Whoever holds an authority's key writes any time he likes: once revoked it gives none, whatever the token says. */
function toStamp(
  outcome: Extract<TimestampOutcome, { kind: 'time' }>,
  { revocations, atMs }: EvidenceContext['input'],
  cache: VerificationCache,
): Stamped {
  const { path, authority } = outcome
  const certificates = path.flatMap((one, i) => revocationTargets(one, path[i + 1], cache))
  const keys: readonly string[] = path.map(({ spki }) => sha256(spki))
  const from = revocations
    .filter(
      ({ targetKind, target }) =>
        (targetKind === 'certificate' && certificates.includes(target)) ||
        (targetKind === 'key' && keys.includes(target)),
    )
    .map(({ effectiveAtMs }) => effectiveAtMs)
  if (from.some((ms) => ms <= atMs)) {
    const [name] = path.map(({ subjectText }) => subjectText)
    const unchecked = [`RFC 3161 timestamp by \`${String(name)}\`: its authority is revoked`]
    return { times: [], unchecked, changesAtMs: [] }
  }
  return {
    times: [{ atMs: outcome.atMs, source: 'rfc3161', authority }],
    unchecked: [],
    changesAtMs: from.map((ms) => ms - 1),
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
