import { PlatformError, type PublisherDocument } from '../model/index.ts'
import { VerificationCache } from './cache.ts'
import { parseTrustedRoot } from './sigstore/trusted-root.ts'
import { givenBytes } from './refusals.ts'

export const WITNESS_MEMBERS = ['trustedRoot', 'thresholds'] as const

/** More witnesses than this nobody asks for. */
const THRESHOLD_LIMIT = 8

type Members = Readonly<Record<string, unknown>>

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}

/**
 * `trustedRoot` and `thresholds` of a publisher document; a root must parse whole, and a threshold be one that its logs
 * can meet.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseWitnessMembers(
  { trustedRoot, thresholds }: Members,
  kind: PublisherDocument['kind'],
): Pick<PublisherDocument, 'trustedRoot' | 'thresholds'> {
  const root = trustedRoot === undefined ? undefined : readRoot(trustedRoot)
  if (kind === 'oidc' && (root === undefined || root.authorities === 0))
    throw refuse('a publisher of the kind `oidc` has a `trustedRoot` with a certificate authority')
  const parsed = thresholds === undefined ? undefined : parseThresholds(thresholds)
  const logs = parsed?.logs ?? (kind === 'oidc' ? 1 : 0)
  if (logs > (root?.logs ?? 0))
    throw refuse(`the threshold of ${logs} log(s) is more than the \`trustedRoot\` knows`)
  return {
    ...(root !== undefined && { trustedRoot: root.text }),
    ...(parsed !== undefined && { thresholds: parsed }),
  }
}

function readRoot(value: unknown): {
  readonly text: string
  readonly logs: number
  readonly authorities: number
} {
  if (typeof value !== 'string') throw refuse('`trustedRoot` is not a Sigstore TrustedRoot as text')
  const { logs, certificateAuthorities } = givenBytes(() =>
    parseTrustedRoot(value, new VerificationCache()),
  )
  const ids = new Set(logs.map(({ id }) => id))
  return { text: value, logs: ids.size, authorities: certificateAuthorities.length }
}

function parseThresholds(value: unknown): { logs?: number; timestamps?: number } {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse('`thresholds` is not a JSON object')
  const { logs, timestamps, ...more } = value as Members
  const [unknown] = Object.keys(more)
  if (unknown !== undefined)
    throw refuse(`\`thresholds\` has the unknown member \`${unknown.slice(0, 80)}\``)
  return {
    ...(logs !== undefined && { logs: toCount(logs) }),
    ...(timestamps !== undefined && { timestamps: toCount(timestamps) }),
  }
}

function toCount(value: unknown): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > THRESHOLD_LIMIT)
    throw refuse(`a threshold is a whole number of 0 to ${THRESHOLD_LIMIT}`)
  return value
}
