import {
  toIsoTime,
  type FetchedRevocationList,
  type SealFinding,
  type X509PublisherDocument,
} from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import { isSelfIssued, isSignedBy, type Certificate } from './certificate.ts'
import { failed } from './findings.ts'
import { lookUp, readLists, type KnownLists, type Lookup } from './list-lookup.ts'
import { findSingleResponses, parseStaples } from './ocsp-check.ts'
import type { OcspResponse } from './ocsp-response.ts'

export interface StatusResult {
  /** What is revoked, or not known where that counts as refused. */
  readonly findings: readonly SealFinding[]
  readonly unchecked: readonly string[]
  readonly changesAtMs: readonly number[]
}

interface StatusFacts {
  readonly path: readonly Certificate[]
  readonly document: X509PublisherDocument
  readonly fetched: readonly FetchedRevocationList[]
  /** OCSP responses beside the seal. */
  readonly staples: readonly Uint8Array[]
  /** Of the publisher and of the seal. */
  readonly intermediates: readonly Certificate[]
  /** Anchors and intermediates of the publisher alone. */
  readonly authorities: readonly Certificate[]
  readonly trustedTimesMs: readonly number[]
  readonly atMs: number
}

interface Context extends StatusFacts {
  readonly known: KnownLists
  readonly responses: readonly OcspResponse[]
  readonly cache: VerificationCache
}

interface Status {
  readonly revokedFromMs: number | undefined
  readonly revokedBy: string
  readonly untilMs: number | undefined
  readonly faults: Lookup['faults']
  readonly remarks: readonly string[]
}

/**
 * What lists and responses say of the certificates of a path, as of now. The leaf must be covered where the publisher
 * has lists; what stands above it is looked up wherever a list of its issuer is here. A revocation counts unless every
 * trusted time of the signature lies before it (RULES §4).
 */
export function checkStatus(facts: StatusFacts, cache: VerificationCache): StatusResult {
  const { document, path } = facts
  const settings = document.revocation
  const staples = parseStaples(facts.staples)
  const none = { lists: [], faults: [] }
  const known = settings === undefined ? none : readLists(settings, facts.fetched, cache)
  const context = { ...facts, known, responses: staples.responses, cache }
  const findings: SealFinding[] = []
  const unchecked: string[] = [...staples.faults]
  const changesAtMs: number[] = []
  const links = linksOf(facts, cache)
  const foreign = links.length > 0 ? [] : foreignLinks(facts, cache)
  for (const [i, link] of [...links, ...foreign].entries()) {
    const { certificate } = link
    const status = statusOf(link, context)
    const { revokedFromMs, revokedBy } = status
    if (revokedFromMs !== undefined && !isBefore(facts, revokedFromMs)) {
      changesAtMs.push(revokedFromMs - 1)
      if (revokedFromMs <= facts.atMs)
        findings.push(revokedFinding(certificate, revokedFromMs, revokedBy))
    }
    if (settings === undefined || links.length === 0) continue
    unchecked.push(...status.remarks)
    if (status.untilMs !== undefined) changesAtMs.push(status.untilMs)
    else {
      const fault = faultOf(certificate, status, i === 0, known)
      if (fault.counts && settings.onFailure === 'closed') findings.push(unknownFinding(fault))
      else unchecked.push(`revocation of \`${certificate.name}\`: ${fault.got}`)
    }
  }
  const pinned = settings === undefined || links.length > 0 ? undefined : pinnedFault(path)
  if (pinned !== undefined) {
    if (settings?.onFailure === 'closed') findings.push(unknownFinding(pinned))
    else unchecked.push(pinned.got)
  }
  return { findings, unchecked, changesAtMs }
}

interface Link {
  readonly certificate: Certificate
  readonly issuer: Certificate
  readonly anchor: Certificate
}

/**
 * Each certificate below the anchor with the one that issued it; a pinned one with its issuer, where that is the
 * publisher's: a seal could bring one of the same name that signs no lists.
 */
function linksOf(facts: StatusFacts, cache: VerificationCache): Link[] {
  const { path } = facts
  const pinned = pinnedOf(path)
  if (pinned !== undefined) return issuerLinks(pinned, facts.authorities, cache)
  const anchor = path.at(-1)
  return path.flatMap((certificate, i) => {
    const issuer = path[i + 1]
    return issuer === undefined || anchor === undefined ? [] : [{ certificate, issuer, anchor }]
  })
}

/** A pinned one with an issuer that only the seal brings, who is believed what he revokes and nothing else. */
function foreignLinks({ path, intermediates }: StatusFacts, cache: VerificationCache): Link[] {
  const pinned = pinnedOf(path)
  return pinned === undefined ? [] : issuerLinks(pinned, intermediates, cache)
}

/** A certificate that is its own anchor, and that somebody else issued. */
function pinnedOf([only, ...others]: readonly Certificate[]): Certificate | undefined {
  return only === undefined || others.length > 0 || isSelfIssued(only) ? undefined : only
}

/** Whoever holds the key that signed it is who revokes it, whatever else is thought of him. */
function issuerLinks(
  pinned: Certificate,
  among: readonly Certificate[],
  cache: VerificationCache,
): Link[] {
  const issuer = among.find(
    (one) => one.subjectName.key === pinned.issuerName.key && isSignedBy(pinned, one, cache),
  )
  return issuer === undefined ? [] : [{ certificate: pinned, issuer, anchor: issuer }]
}

/** A pinned certificate that somebody else issued, who is not here: no list of his could be believed. */
function pinnedFault(path: readonly Certificate[]): Fault | undefined {
  const only = pinnedOf(path)
  if (only === undefined) return undefined
  const got = `the pinned certificate \`${only.name}\` is covered by no list: its issuer is no root or intermediate of the publisher`
  return { reason: 'crl-missing', got, counts: true }
}

function isBefore({ trustedTimesMs }: StatusFacts, effectiveAtMs: number): boolean {
  return (
    trustedTimesMs.length > 0 && trustedTimesMs.every((signedAtMs) => signedAtMs < effectiveAtMs)
  )
}

function statusOf({ certificate, issuer, anchor }: Link, context: Context): Status {
  const { atMs, cache, known, document, intermediates } = context
  const maxAgeMs = document.revocation?.maxAgeMs
  const looked = lookUp(certificate, issuer, {
    lists: known.lists,
    maxAgeMs,
    atMs,
    anchor,
    intermediates,
    cache,
  })
  const said = findSingleResponses(certificate, issuer, context.responses, { atMs, cache })
  const revokedAt = said.flatMap(({ revokedAtMs }) =>
    revokedAtMs === undefined ? [] : [revokedAtMs],
  )
  const good = said.flatMap(({ status, thisUpdateMs, nextUpdateMs }) => {
    const endMs = Math.min(nextUpdateMs ?? -Infinity, thisUpdateMs + (maxAgeMs ?? Infinity))
    return status === 'good' && thisUpdateMs <= atMs && atMs <= endMs ? [endMs] : []
  })
  const byList = looked.revoked?.effectiveAtMs ?? Infinity
  const fromMs = Math.min(byList, ...revokedAt)
  const ends = [...good, ...(looked.untilMs === undefined ? [] : [looked.untilMs])]
  return {
    revokedFromMs: fromMs === Infinity ? undefined : fromMs,
    revokedBy:
      fromMs === byList
        ? `the list of its issuer (${looked.revoked?.reason ?? ''})`
        : 'an OCSP response beside the seal',
    untilMs: ends.length === 0 ? undefined : Math.max(...ends),
    faults: looked.faults,
    remarks: looked.remarks,
  }
}

interface Fault {
  readonly reason: string
  readonly got: string
  /** Whether `closed` refuses for it. */
  readonly counts: boolean
}

/** Of an authority of whose issuer no list is named nothing can be known; where one could not be had it might be that. */
function faultOf(
  certificate: Certificate,
  { faults }: Status,
  isLeaf: boolean,
  known: KnownLists,
): Fault {
  const [own] = faults
  if (own !== undefined) return { ...own, counts: true }
  const [absent] = known.faults
  if (absent !== undefined) return { ...absent, counts: true }
  return {
    reason: 'crl-missing',
    got: `no list covers the certificates of \`${certificate.issuerText}\``,
    counts: isLeaf,
  }
}

function revokedFinding(
  certificate: Certificate,
  revokedFromMs: number,
  revokedBy: string,
): SealFinding {
  return failed('revocation', 'certificate-revoked', {
    expected: `the certificate \`${certificate.name}\` not revoked by its issuer`,
    got: `revoked from ${toIsoTime(revokedFromMs)} by ${revokedBy}`,
    fix: 'sign again with a certificate that is not revoked; a timestamp from before the revocation would have kept the seal good',
  })
}

function unknownFinding({ reason, got }: Fault): SealFinding {
  return failed('revocation', reason, {
    expected: 'a current revocation list for the certificate of the signer',
    got,
    fix: "renew the list of the publisher, or set its revocation's `onFailure` to `open` in a new version",
  })
}
