import type { VerificationCache } from './cache.ts'
import { isSelfIssued, isSignedBy, publicKeyOf, type Certificate } from './certificate.ts'
import { newComparisonBudget, type ComparisonBudget } from './forbidden-names.ts'
import { checkPath, refuseCertificate, type PathRules } from './path-checks.ts'
import { refusePath, type PathRefusal } from './path-refusal.ts'
import { ANY_USAGE, PURPOSES } from './purpose.ts'
import { unlessRefused } from './refusals.ts'

export type { PathRefusal } from './path-refusal.ts'

/** Certificates of one path below its anchor. */
const PATH_LIMIT = 16
/** Signature checks spent on one leaf: a bag of look-alike certificates must not cost more. */
const ATTEMPTS_LIMIT = 64

/** Leaf first, anchor last; a pinned certificate is both. Validity in time is for the caller. */
export type PathResult =
  | {
      readonly kind: 'path'
      readonly certificates: readonly Certificate[]
      readonly anchor: Certificate
    }
  | { readonly kind: 'none'; readonly refusal: PathRefusal }

export interface PathOptions {
  readonly intermediates: readonly Certificate[]
  readonly anchors: readonly Certificate[]
  /** The signature's trusted times; with none, the present. */
  readonly timesMs: readonly number[]
  /** Code signing, and nothing further, where not given. */
  readonly rules?: PathRules
}

type Path = Extract<PathResult, { kind: 'path' }>

interface Search extends Required<PathOptions> {
  readonly cache: VerificationCache
  readonly budget: ComparisonBudget
  attempts: number
  /** The first path whose certificates are all valid in time ends the search. */
  valid: Path | undefined
  expired: Path | undefined
  /** The refusal that came farthest up. */
  nearest: { readonly depth: number; readonly refusal: PathRefusal } | undefined
}

/**
 * A path from `leaf` to an anchor (RFC 5280 §6). Prefers one whose certificates are all valid at each of `timesMs`;
 * where there is only one that has expired, that one is given back, for the expiry check to name.
 */
export function findPath(
  leaf: Certificate,
  options: PathOptions,
  cache: VerificationCache,
): PathResult {
  const { rules = {}, intermediates, anchors } = options
  const { purpose = PURPOSES.codeSigning } = rules
  const pinned = anchors.some((anchor) => anchor.sha256 === leaf.sha256)
  const refusal =
    refuseKey(leaf, cache) ??
    refuseCertificate(leaf, pinned ? {} : rules, pinned) ??
    purpose.refuseLeaf(leaf, pinned)
  if (refusal !== undefined) return { kind: 'none', refusal }
  const search: Search = {
    ...options,
    // an operator's own copy of an authority stands for it: what a seal brings cannot widen it
    intermediates: intermediates.filter((one) => !anchors.some((own) => isSameAuthority(own, one))),
    rules,
    cache,
    budget: newComparisonBudget(),
    attempts: 0,
    valid: undefined,
    expired: undefined,
    nearest: undefined,
  }
  if (pinned) complete(search, [leaf], leaf)
  else extend(search, [leaf])
  const found = search.valid ?? search.expired
  if (found !== undefined) return found
  return { kind: 'none', refusal: search.nearest?.refusal ?? unknownIssuer(leaf) }
}

export function isValidAt(certificate: Certificate, atMs: number): boolean {
  return certificate.notBeforeMs <= atMs && atMs <= certificate.notAfterMs
}

function unknownIssuer(certificate: Certificate): PathRefusal {
  return refusePath(
    'unknown-issuer',
    `no certificate of \`${certificate.issuerText}\` leads from \`${certificate.name}\` to a root of the publisher`,
    'sign with --chain so that the intermediates travel with the seal, or add the root to the publisher',
  )
}

function extend(search: Search, path: readonly Certificate[]): void {
  for (const anchor of search.anchors) {
    if (search.valid !== undefined) return
    if (tryIssuer(search, path, anchor)) complete(search, [...path, anchor], anchor)
  }
  const { maxIntermediates = PATH_LIMIT } = search.rules
  if (path.length >= PATH_LIMIT) return
  for (const candidate of search.intermediates) {
    if (search.valid !== undefined) return
    if (path.some((one) => isSameAuthority(one, candidate))) continue
    const next = [...path, candidate]
    // RFC 5280 §6.1.4 (l): self-issued ones do not count
    const depth = next.slice(1).filter((one) => !isSelfIssued(one)).length
    if (depth <= maxIntermediates && tryIssuer(search, path, candidate)) extend(search, next)
  }
}

/** A loop of cross-certificates repeats a name and key, not the bytes. */
function isSameAuthority(a: Certificate, b: Certificate): boolean {
  return a.subjectName.key === b.subjectName.key && Buffer.from(a.spki).equals(b.spki)
}

/** All that is to be said of a whole path (name constraints, policies). */
function complete(search: Search, path: readonly Certificate[], anchor: Certificate): void {
  const refusal = checkPath(path, search.rules, search.budget)
  if (refusal !== undefined) remember(search, path.length, refusal)
  else if (path.every((one) => search.timesMs.every((atMs) => isValidAt(one, atMs))))
    search.valid = { kind: 'path', certificates: path, anchor }
  else search.expired ??= { kind: 'path', certificates: path, anchor }
}

function remember(search: Search, depth: number, refusal: PathRefusal): void {
  if (search.nearest === undefined || depth >= search.nearest.depth)
    search.nearest = { depth, refusal }
}

function tryIssuer(search: Search, path: readonly Certificate[], issuer: Certificate): boolean {
  const subject = path.at(-1)
  if (subject === undefined || subject.issuerName.key !== issuer.subjectName.key) return false
  const { authorityKeyId } = subject.extensions
  const { subjectKeyId } = issuer.extensions
  if (authorityKeyId !== undefined && subjectKeyId !== undefined && authorityKeyId !== subjectKeyId)
    return false
  search.attempts += 1
  const refusal =
    search.attempts > ATTEMPTS_LIMIT
      ? refusePath('path-attempts', 'the certificates could be put together in too many ways')
      : (refuseIssuer(search, path, issuer) ?? refuseSignature(search.cache, subject, issuer))
  if (refusal === undefined) return true
  remember(search, path.length, refusal)
  return false
}

function refuseIssuer(
  search: Search,
  path: readonly Certificate[],
  issuer: Certificate,
): PathRefusal | undefined {
  const { extensions, subjectText } = issuer
  if (!extensions.ca)
    return refusePath(
      'issuer-no-ca',
      `\`${subjectText}\` is no certificate authority and issues nothing`,
    )
  if (extensions.keyUsage?.certSign === false)
    return refusePath('key-usage', `the key usage of \`${subjectText}\` lacks keyCertSign`)
  const { usage, name } = search.rules.purpose ?? PURPOSES.codeSigning
  const usages = extensions.extendedKeyUsage
  if (
    usage !== undefined &&
    usages !== undefined &&
    !usages.includes(usage) &&
    !usages.includes(ANY_USAGE)
  )
    return refusePath('extended-key-usage', `\`${subjectText}\` may not issue for ${name}`)
  // RFC 5280 §4.2.1.9: intermediates below that are not self-issued; the leaf does not count
  const below = path.slice(1).filter((one) => !isSelfIssued(one)).length
  if (extensions.pathLength !== undefined && below > extensions.pathLength)
    return refusePath(
      'path-length',
      `\`${subjectText}\` allows ${extensions.pathLength} certificate authorities below it, there are ${below}`,
    )
  return refuseCertificate(issuer, search.rules, search.anchors.includes(issuer))
}

function refuseSignature(
  cache: VerificationCache,
  subject: Certificate,
  issuer: Certificate,
): PathRefusal | undefined {
  return (
    refuseKey(issuer, cache) ??
    refusing(subject, () => {
      if (isSignedBy(subject, issuer, cache)) return undefined
      return refusePath(
        'certificate-signature',
        `\`${subject.name}\` bears no valid signature of \`${issuer.subjectText}\``,
      )
    })
  )
}

function refuseKey(certificate: Certificate, cache: VerificationCache): PathRefusal | undefined {
  return refusing(certificate, () => {
    publicKeyOf(certificate, cache)
    return undefined
  })
}

/** A key or algorithm that is not accepted, by the word of whoever refused it. */
function refusing(
  { subjectText }: Certificate,
  check: () => PathRefusal | undefined,
): PathRefusal | undefined {
  return unlessRefused(check, (refusal) =>
    refusePath(String(refusal.detail['rule']), `\`${subjectText}\`: ${refusal.publicMessage}`),
  )
}
