import { sha256, type Sha256 } from '../model/index.ts'
import {
  DerCursor,
  encodeDer,
  malformed,
  openDer,
  readDer,
  readEach,
  TAG,
  toBitOctets,
  toSmallInteger,
  type Der,
} from '../seal/index.ts'
import type { VerificationCache } from './cache.ts'
import { pointNames } from './distribution-points.ts'
import { readExtensions } from './extensions.ts'
import { formatName, parseName, type DistinguishedName } from './names.ts'
import { toInvalidityMs, toValidityMs } from './validity.ts'

/** Issuers of larger lists partition them. */
const LIST_LIMIT_BYTES = 8_388_608

/** RFC 5280 §5.3.1. */
/** By the one octet of the enumeration, in hex. */
const REASONS: Readonly<Record<string, string>> = {
  '00': 'unspecified',
  '01': 'keyCompromise',
  '02': 'cACompromise',
  '03': 'affiliationChanged',
  '04': 'superseded',
  '05': 'cessationOfOperation',
  '06': 'certificateHold',
  '08': 'removeFromCRL',
  '09': 'privilegeWithdrawn',
  '0a': 'aACompromise',
}
const ENTRY = {
  reason: '2.5.29.21',
  invalidityDate: '2.5.29.24',
  certificateIssuer: '2.5.29.29',
} as const
const LIST = {
  number: '2.5.29.20',
  deltaIndicator: '2.5.29.27',
  issuingPoint: '2.5.29.28',
  authorityKeyId: '2.5.29.35',
} as const

/** One revoked certificate: from when on, counting the earlier of revocation and invalidity (RULES §4). */
export interface RevokedEntry {
  readonly effectiveAtMs: number
  readonly reason: string
}

/** For which certificates a list speaks (RFC 5280 §5.2.5). */
export interface ListScope {
  readonly users: boolean
  readonly authorities: boolean
  /** Names of its distribution point, in hex; none: all certificates of the issuer. */
  readonly points: readonly string[]
}

/** A certificate revocation list, parsed once and strictly. Whether it may be believed is not said here. */
export interface RevocationList {
  readonly sha256: Sha256
  readonly issuerName: DistinguishedName
  readonly issuerText: string
  readonly thisUpdateMs: number
  readonly nextUpdateMs: number
  readonly scope: ListScope
  /** Why it does not tell who is *not* revoked: delta, some reasons only, extensions that are not known. */
  readonly partial: string | undefined
  /** By serial number, hex. */
  readonly entries: ReadonlyMap<string, RevokedEntry>
  readonly tbs: Uint8Array
  readonly algorithm: Der
  readonly signature: Uint8Array
}

/** RFC 5280 §5.1, in strict DER. @throws PlatformError INVALID_SEAL */
export function parseRevocationList(der: Uint8Array, cache: VerificationCache): RevocationList {
  if (der.byteLength > LIST_LIMIT_BYTES)
    throw malformed('crl-size', `a revocation list is larger than ${LIST_LIMIT_BYTES} bytes`)
  const digest = sha256(der)
  return cache.parsed('revocation-list', digest, () => {
    const outer = openDer(Uint8Array.from(der), TAG.sequence, 'the revocation list')
    if (outer.rest.byteLength > 0)
      throw malformed('der-trailing', 'bytes stand after the revocation list')
    const tbs = openDer(outer.content, TAG.sequence, 'the signed part of the revocation list')
    const [algorithm, signature, ...more] = [...readEach(tbs.rest)]
    if (algorithm?.tag !== TAG.sequence || signature === undefined || more.length > 0)
      throw malformed('der-shape', 'the revocation list is not what it should be')
    return {
      sha256: digest,
      ...parseFields(tbs.content, algorithm),
      tbs: tbs.bytes,
      algorithm,
      signature: toBitOctets(signature, 'the signature of the revocation list'),
    }
  })
}

type Fields = Omit<RevocationList, 'sha256' | 'tbs' | 'algorithm' | 'signature'>

/** Value by value: the list of entries is never held as a tree. */
function parseFields(content: Uint8Array, algorithm: Der): Fields {
  let rest = content
  const has = (...tags: readonly number[]): boolean => tags.includes(rest[0] ?? -1)
  const take = (what: string): Der => {
    const { bytes, rest: after } = openDer(rest, rest[0] ?? -1, what)
    rest = after
    return readDer(bytes)
  }
  const second = has(TAG.integer) && toSmallInteger(take('the version'), 'the version') === 1
  if (!Buffer.from(take('the algorithm').bytes).equals(algorithm.bytes))
    throw malformed('certificate-algorithm', 'the revocation list names two signature algorithms')
  const issuer = take('the issuer')
  const thisUpdateMs = toValidityMs(take('the time of the list'))
  // RFC 5280 §5.1.2.5: required; a list without an end would be good for ever
  if (!has(TAG.utcTime, TAG.generalizedTime))
    throw malformed('crl-next-update', 'the revocation list does not say when the next one comes')
  const nextUpdateMs = toValidityMs(take('the time of the next list')) + 999
  let revoked: Uint8Array | undefined
  if (has(TAG.sequence)) {
    const opened = openDer(rest, TAG.sequence, 'the revoked certificates')
    revoked = opened.content
    rest = opened.rest
  }
  const extensions = has(0xa0) ? take('the extensions') : undefined
  if (rest.byteLength > 0 || (!second && extensions !== undefined))
    throw malformed('der-shape', 'the revocation list holds more than it may')
  const head = parseExtensions(extensions)
  const { entries, unknown } = parseEntries(revoked)
  return {
    issuerName: parseName(issuer),
    issuerText: formatName(issuer),
    thisUpdateMs,
    nextUpdateMs,
    ...head,
    partial: head.partial ?? unknown,
    entries,
  }
}

function parseExtensions(value: Der | undefined): Pick<RevocationList, 'scope' | 'partial'> {
  const [list, ...more] = value?.children ?? [readDer(encodeDer(TAG.sequence))]
  if (list === undefined || more.length > 0)
    throw malformed('der-shape', 'the extensions of the revocation list are malformed')
  const found = readExtensions(list, 'the revocation list')
  const known: readonly string[] = Object.values(LIST)
  const unknown = [...found].find(([oid, { critical }]) => critical && !known.includes(oid))
  const number = found.get(LIST.number)
  if (number !== undefined && readDer(number.value).tag !== TAG.integer)
    throw malformed('crl-number', 'the number of the revocation list is malformed')
  const point = found.get(LIST.issuingPoint)
  const issuing = point === undefined ? EVERYTHING : parseIssuingPoint(readDer(point.value))
  const partial = found.has(LIST.deltaIndicator)
    ? 'it is a delta to another list'
    : unknown === undefined
      ? issuing.partial
      : `it has the critical extension ${unknown[0]}`
  return { scope: issuing.scope, partial }
}

const EVERYTHING: Pick<RevocationList, 'scope' | 'partial'> = {
  scope: { users: true, authorities: true, points: [] },
  partial: undefined,
}

/** RFC 5280 §5.2.5. Indirect lists name certificates of others, so nothing in them can be looked up by serial number. */
function parseIssuingPoint(value: Der): Pick<RevocationList, 'scope' | 'partial'> {
  const cursor = new DerCursor(value, TAG.sequence, 'the issuing distribution point')
  const name = cursor.explicit(0xa0, 'a distribution point')
  const flag = (tag: number): boolean => {
    const octets = cursor.optional(tag)?.content
    if (octets !== undefined && (octets.byteLength !== 1 || octets[0] !== 0xff))
      throw malformed('der-boolean', 'the issuing distribution point has a flag that is not FF')
    return octets !== undefined
  }
  const [users, authorities] = [flag(0x81), flag(0x82)]
  const someReasons = cursor.optional(0x83) !== undefined
  const [indirect, attributes] = [flag(0x84), flag(0x85)]
  cursor.end()
  if (indirect) throw malformed('crl-indirect', 'indirect revocation lists are not claimed')
  return {
    scope: {
      users: !authorities && !attributes,
      authorities: !users && !attributes,
      points: pointNames(name),
    },
    partial: someReasons ? 'it is for some reasons only' : undefined,
  }
}

function parseEntries(revoked: Uint8Array | undefined): {
  readonly entries: ReadonlyMap<string, RevokedEntry>
  readonly unknown: string | undefined
} {
  const entries = new Map<string, RevokedEntry>()
  let unknown: string | undefined
  // RFC 5280 §5.1.2.6: absent, not empty; OpenSSL writes it so, too
  for (const item of readEach(revoked ?? new Uint8Array())) {
    const cursor = new DerCursor(item, TAG.sequence, 'a revoked certificate')
    const serial = Buffer.from(cursor.take(TAG.integer, 'serial number').content).toString('hex')
    const revokedAtMs = toValidityMs(cursor.any())
    const list = cursor.optional(TAG.sequence)
    cursor.end()
    const entry = parseEntry(revokedAtMs, list)
    unknown ??= entry.unknown
    const known = entries.get(serial)
    if (entry.reason === 'removeFromCRL') continue
    if (known === undefined || entry.effectiveAtMs < known.effectiveAtMs) entries.set(serial, entry)
  }
  return { entries, unknown }
}

function parseEntry(
  revokedAtMs: number,
  list: Der | undefined,
): RevokedEntry & { readonly unknown: string | undefined } {
  if (list === undefined)
    return { effectiveAtMs: revokedAtMs, reason: 'unspecified', unknown: undefined }
  const found = readExtensions(list, 'a revoked certificate')
  if (found.has(ENTRY.certificateIssuer))
    throw malformed('crl-indirect', 'indirect revocation lists are not claimed')
  const known: readonly string[] = Object.values(ENTRY)
  const strange = [...found].find(([oid, { critical }]) => critical && !known.includes(oid))
  const date = found.get(ENTRY.invalidityDate)
  const invalidMs = date === undefined ? revokedAtMs : toInvalidityMs(readDer(date.value))
  return {
    effectiveAtMs: Math.min(revokedAtMs, invalidMs),
    reason: toReason(found.get(ENTRY.reason)?.value),
    unknown: strange && `an entry has the critical extension ${strange[0]}`,
  }
}

const ENUMERATED = 0x0a

function toReason(value: Uint8Array | undefined): string {
  if (value === undefined) return 'unspecified'
  const { tag, content } = readDer(value)
  const reason = REASONS[Buffer.from(content).toString('hex')]
  if (tag !== ENUMERATED || reason === undefined)
    throw malformed('crl-reason', 'a reason in the revocation list is none that there is')
  return reason
}
