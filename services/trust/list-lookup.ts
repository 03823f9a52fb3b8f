import { type FetchedRevocationList, type RevocationSettings } from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import type { Certificate } from './certificate.ts'
import { findPath, isValidAt } from './path.ts'
import { PURPOSES } from './purpose.ts'
import { parseRevocationList, type RevocationList, type RevokedEntry } from './revocation-list.ts'
import { isStructureSignedBy } from './signed-structure.ts'
import { singleBlock } from './single-block.ts'
import { unlessRefused } from './refusals.ts'

/** Other certificates of the issuer's name that are tried as the signer of a list. */
const SIGNERS_LIMIT = 8

/** The lists that a publisher names, and those it names of which there is nothing to look at. */
export interface KnownLists {
  readonly lists: readonly RevocationList[]
  readonly faults: readonly { readonly reason: string; readonly got: string }[]
}

export function readLists(
  settings: RevocationSettings,
  fetched: readonly FetchedRevocationList[],
  cache: VerificationCache,
): KnownLists {
  const lists: RevocationList[] = []
  const faults: { reason: string; got: string }[] = []
  for (const source of settings.lists) {
    const name = 'url' in source ? `the revocation list of \`${source.url}\`` : 'a revocation list'
    const read = (): void => {
      const der =
        'url' in source
          ? fetched.find(({ url }) => url === source.url)?.der
          : singleBlock(source.pem, 'X509 CRL')
      if (der === undefined) faults.push({ reason: 'crl-missing', got: `${name} is not here` })
      else lists.push(parseRevocationList(der, cache))
    }
    unlessRefused(read, ({ publicMessage }) => {
      faults.push({ reason: 'crl-invalid', got: `${name} cannot be read: ${publicMessage}` })
    })
  }
  return { lists, faults }
}

/** What the lists say of one certificate of a path. */
export interface Lookup {
  readonly revoked: RevokedEntry | undefined
  /** Until when it is known not to be revoked; `undefined` where it is not known now. */
  readonly untilMs: number | undefined
  /** Why that is not known, nearest first. */
  readonly faults: readonly { readonly reason: string; readonly got: string }[]
  /** What a list that is good does not say. */
  readonly remarks: readonly string[]
}

export interface ListContext {
  readonly lists: readonly RevocationList[]
  readonly maxAgeMs: number | undefined
  readonly atMs: number
  readonly anchor: Certificate
  /** Where a list is not signed with the key of the certificate's issuer: who else of that name may have. */
  readonly intermediates: readonly Certificate[]
  readonly cache: VerificationCache
}

/**
 * RFC 5280 §6.3 for whole, direct lists. What a list says is revoked counts also where it is old or speaks of some
 * reasons only; that a certificate is not revoked is told by a current and whole one alone.
 */
export function lookUp(
  certificate: Certificate,
  issuer: Certificate,
  context: ListContext,
): Lookup {
  let revoked: RevokedEntry | undefined
  let untilMs: number | undefined
  const faults: { reason: string; got: string }[] = []
  const remarks: string[] = []
  for (const list of context.lists) {
    if (list.issuerName.key !== certificate.issuerName.key) continue
    if (!isBySigner(list, issuer, context)) {
      const got = `the revocation list of \`${list.issuerText}\` bears no valid signature of its issuer`
      faults.push({ reason: 'crl-signature', got })
      continue
    }
    const entry = list.entries.get(certificate.serial)
    if (entry !== undefined && entry.effectiveAtMs < (revoked?.effectiveAtMs ?? Infinity))
      revoked = entry
    if (!isInScope(list, certificate)) continue
    const endMs = endOf(list, context)
    const fault = refuseList(list, endMs, context.atMs)
    if (fault !== undefined) faults.push(fault)
    else {
      untilMs = Math.max(untilMs ?? 0, endMs)
      if (certificate.notAfterMs < list.thisUpdateMs)
        remarks.push(
          `revocation of \`${certificate.name}\` after it had expired: its issuer's list need no longer say`,
        )
    }
  }
  return { revoked, untilMs, faults, remarks }
}

function refuseList(
  { issuerText, partial, thisUpdateMs }: RevocationList,
  endMs: number,
  atMs: number,
): { reason: string; got: string } | undefined {
  const name = `the revocation list of \`${issuerText}\``
  if (partial !== undefined)
    return { reason: 'crl-partial', got: `${name} does not tell who is not revoked: ${partial}` }
  if (thisUpdateMs > atMs) return { reason: 'crl-stale', got: `${name} is of a time to come` }
  return endMs < atMs ? { reason: 'crl-stale', got: `${name} is out of date` } : undefined
}

function endOf({ thisUpdateMs, nextUpdateMs }: RevocationList, { maxAgeMs }: ListContext): number {
  return Math.min(nextUpdateMs, maxAgeMs === undefined ? Infinity : thisUpdateMs + maxAgeMs)
}

/** RFC 5280 §6.3.3 (b). */
function isInScope({ scope }: RevocationList, { extensions }: Certificate): boolean {
  if (!(extensions.ca ? scope.authorities : scope.users)) return false
  if (scope.points.length === 0) return true
  return extensions.distributionPoints.some(
    ({ names, partial }) => !partial && names.some((name) => scope.points.includes(name)),
  )
}

/** The certificate's issuer, or another certificate of its name under the same anchor (RFC 5280 §6.3.3 (f)). */
function isBySigner(list: RevocationList, issuer: Certificate, context: ListContext): boolean {
  const { cache, intermediates, anchor, atMs } = context
  if (maySignLists(issuer) && isStructureSignedBy(list, issuer, cache)) return true
  return [anchor, ...intermediates]
    .filter((one) => one.subjectName.key === list.issuerName.key && maySignLists(one))
    .slice(0, SIGNERS_LIMIT)
    .some((one) => {
      if (!isStructureSignedBy(list, one, cache)) return false
      if (one.sha256 === anchor.sha256) return true
      const rules = { purpose: PURPOSES.any }
      const options = { intermediates, anchors: [anchor], timesMs: [atMs], rules }
      const found = findPath(one, options, cache)
      return found.kind === 'path' && found.certificates.every((each) => isValidAt(each, atMs))
    })
}

/** RFC 5280 §4.2.1.3: absent means unrestricted. */
function maySignLists({ extensions }: Certificate): boolean {
  return extensions.keyUsage?.crlSign !== false && extensions.refused.length === 0
}
