import { PlatformError } from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import { isSelfIssued, isSignedBy, publicKeyOf, type Certificate } from './certificate.ts'

const CODE_SIGNING = '1.3.6.1.5.5.7.3.3'
export const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
const ANY_USAGE = '2.5.29.37.0'
const PATH_LIMIT = 8
/** Signature checks spent on one leaf: a bag of look-alike certificates must not cost more. */
const ATTEMPTS_LIMIT = 64

export interface PathRefusal {
  /** One stable word. */
  readonly reason: string
  readonly got: string
  readonly fix: string | undefined
}

/** Leaf first, anchor last; a pinned certificate is both. Validity in time is for the caller. */
export type PathResult =
  | { readonly kind: 'path'; readonly certificates: readonly Certificate[] }
  | { readonly kind: 'none'; readonly refusal: PathRefusal }

interface Search {
  readonly usage: string
  readonly intermediates: readonly Certificate[]
  readonly anchors: readonly Certificate[]
  readonly cache: VerificationCache
  attempts: number
  found: Certificate[][]
  /** The refusal that came farthest up. */
  nearest: { readonly depth: number; readonly refusal: PathRefusal } | undefined
}

/**
 * A path from `leaf` to an anchor (RFC 5280 §6). Prefers one whose certificates are all valid at each of
 * `timesMs`; where there is only one that has expired, that one is given back, for the expiry check to name.
 */
export function findPath(
  leaf: Certificate,
  options: {
    readonly intermediates: readonly Certificate[]
    readonly anchors: readonly Certificate[]
    /** The signature's trusted times; with none, the present. */
    readonly timesMs: readonly number[]
    /** The extended key usage that the leaf must have; code signing where it is left out. */
    readonly usage?: string
  },
  cache: VerificationCache,
): PathResult {
  const pinned = options.anchors.some((anchor) => anchor.sha256 === leaf.sha256)
  const { usage = CODE_SIGNING } = options
  const refusal = refuseLeaf(leaf, pinned, usage)
  if (refusal !== undefined) return { kind: 'none', refusal }
  if (pinned) return { kind: 'path', certificates: [leaf] }
  const { intermediates, anchors, timesMs } = options
  const search: Search = {
    usage,
    intermediates,
    anchors,
    cache,
    attempts: 0,
    found: [],
    nearest: undefined,
  }
  extend(search, [leaf])
  const valid = search.found.find((path) =>
    path.every((one) => timesMs.every((atMs) => isValidAt(one, atMs))),
  )
  const path = valid ?? search.found[0]
  if (path !== undefined) return { kind: 'path', certificates: path }
  return { kind: 'none', refusal: search.nearest?.refusal ?? unknownIssuer(leaf) }
}

export function isValidAt(certificate: Certificate, atMs: number): boolean {
  return certificate.notBeforeMs <= atMs && atMs <= certificate.notAfterMs
}

function refuse(reason: string, got: string, fix?: string): PathRefusal {
  return { reason, got, fix }
}

function unknownIssuer(certificate: Certificate): PathRefusal {
  return refuse(
    'unknown-issuer',
    `no certificate of \`${certificate.issuerText}\` leads from \`${certificate.subjectText}\` to a root of the publisher`,
    'sign with --chain so that the intermediates travel with the seal, or add the root to the publisher',
  )
}

/**
 * What a certificate must be to sign code. A pinned one was chosen by hand and may lack the usage extension, as
 * `openssl req -x509 -addext basicConstraints=CA:FALSE` makes it; one that names other usages is refused all the same.
 */
function refuseLeaf(leaf: Certificate, pinned: boolean, usage: string): PathRefusal | undefined {
  const { extensions, subjectText } = leaf
  if (extensions.refused.length > 0) return refuseExtensions(leaf)
  if (extensions.ca)
    return refuse(
      'ca-as-signer',
      `\`${subjectText}\` is a certificate authority, which signs certificates and no code`,
      'make a certificate of its own for signing: `openssl req -x509 … -addext basicConstraints=CA:FALSE`',
    )
  if (extensions.keyUsage?.digitalSignature === false)
    return refuse('key-usage', `the key usage of \`${subjectText}\` lacks digitalSignature`)
  const usages = extensions.extendedKeyUsage
  if (usages === undefined ? !pinned : !usages.includes(usage))
    return refuse(
      'extended-key-usage',
      `the extended key usage of \`${subjectText}\` lacks ${usageName(usage)}`,
      `have the certificate issued with extendedKeyUsage=${usageName(usage)}`,
    )
  return undefined
}

function usageName(usage: string): string {
  return usage === CODE_SIGNING ? 'codeSigning' : 'timeStamping'
}

function refuseExtensions(certificate: Certificate): PathRefusal {
  return refuse(
    'extension-refused',
    `\`${certificate.subjectText}\` has ${certificate.extensions.refused.join(', ')}, which is not processed`,
  )
}

function extend(search: Search, path: readonly Certificate[]): void {
  const top = path.at(-1)
  if (top === undefined) return
  for (const anchor of search.anchors) {
    if (tryIssuer(search, path, anchor)) search.found.push([...path, anchor])
  }
  if (path.length >= PATH_LIMIT) return
  for (const candidate of search.intermediates) {
    const repeated = path.some((one) => sameIdentity(one, candidate))
    if (!repeated && tryIssuer(search, path, candidate)) extend(search, [...path, candidate])
  }
}

/** A loop of cross-certificates repeats a name and key, not the bytes. */
function sameIdentity(a: Certificate, b: Certificate): boolean {
  return a.subject === b.subject && Buffer.from(a.spki).equals(b.spki)
}

function tryIssuer(search: Search, path: readonly Certificate[], issuer: Certificate): boolean {
  const subject = path.at(-1)
  if (subject === undefined || subject.issuer !== issuer.subject) return false
  const { authorityKeyId } = subject.extensions
  const { subjectKeyId } = issuer.extensions
  if (authorityKeyId !== undefined && subjectKeyId !== undefined && authorityKeyId !== subjectKeyId)
    return false
  search.attempts += 1
  const refusal =
    search.attempts > ATTEMPTS_LIMIT
      ? refuse('path-attempts', 'the certificates could be put together in too many ways')
      : refuseIssuer(search, path, issuer)
  if (refusal === undefined) return true
  if (search.nearest === undefined || path.length >= search.nearest.depth)
    search.nearest = { depth: path.length, refusal }
  return false
}

function refuseIssuer(
  search: Search,
  path: readonly Certificate[],
  issuer: Certificate,
): PathRefusal | undefined {
  const { extensions, subjectText } = issuer
  if (!extensions.ca)
    return refuse(
      'issuer-no-ca',
      `\`${subjectText}\` is no certificate authority and issues nothing`,
    )
  if (extensions.keyUsage?.certSign === false)
    return refuse('key-usage', `the key usage of \`${subjectText}\` lacks keyCertSign`)
  if (extensions.refused.length > 0) return refuseExtensions(issuer)
  const usages = extensions.extendedKeyUsage
  if (usages !== undefined && !usages.includes(search.usage) && !usages.includes(ANY_USAGE))
    return refuse(
      'extended-key-usage',
      `\`${subjectText}\` may not issue for ${usageName(search.usage)}`,
    )
  // RFC 5280 §4.2.1.9: intermediates below that are not self-issued; the leaf does not count
  const below = path.slice(1).filter((one) => !isSelfIssued(one)).length
  if (extensions.pathLength !== undefined && below > extensions.pathLength)
    return refuse(
      'path-length',
      `\`${subjectText}\` allows ${extensions.pathLength} certificate authorities below it, there are ${below}`,
    )
  return refuseSignature(search.cache, path, issuer)
}

function refuseSignature(
  cache: VerificationCache,
  path: readonly Certificate[],
  issuer: Certificate,
): PathRefusal | undefined {
  const subject = path.at(-1)
  try {
    publicKeyOf(issuer, cache)
    if (subject !== undefined && isSignedBy(subject, issuer, cache)) return undefined
    return refuse(
      'certificate-signature',
      `\`${subject?.subjectText ?? ''}\` bears no valid signature of \`${issuer.subjectText}\``,
    )
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    const { rule } = error.detail
    return refuse(
      typeof rule === 'string' ? rule : 'certificate',
      `between \`${issuer.subjectText}\` and \`${subject?.subjectText ?? ''}\`: ${error.publicMessage}`,
    )
  }
}
