import { parseIsoTime, sha256, type Json } from '../../model/index.ts'
import {
  malformed,
  parseJson,
  toBytes,
  toList,
  toMembers,
  toText,
  withoutNulls,
  type SignatureScheme,
} from '../../seal/index.ts'
import type { VerificationCache } from '../cache.ts'
import { parseCertificate, publicKeyOf, type Certificate } from '../certificate.ts'
import type { PublicKey } from '../public-key.ts'
import { parseLogKey } from './log-key.ts'

/** Sigstore's roots are some 7 KB; a list or chain longer than this is none. */
const SIZE_LIMIT_BYTES = 262_144
const LIST_LIMIT = 32
const CHAIN_LIMIT = 8
const MEDIA_TYPES: readonly (Json | undefined)[] = [
  'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
  'application/vnd.dev.sigstore.trustedroot.v0.1+json',
  'application/vnd.dev.sigstore.trustedroot.v0.2+json',
]

/** A closed interval: both ends belong to it. */
export interface Window {
  readonly fromMs: number
  readonly untilMs: number | undefined
}

/** A transparency or certificate-transparency log, with the key that signs for it. */
export interface KnownLog {
  /** Hex of the id that entries and SCTs name. */
  readonly id: string
  /** First four bytes, hex, of what a checkpoint's signature line names. */
  readonly checkpointKeyId: string
  readonly baseUrl: string
  readonly key: PublicKey
  readonly scheme: SignatureScheme
  readonly window: Window
}

export interface CertificateAuthority {
  readonly anchor: Certificate
  readonly intermediates: readonly Certificate[]
  readonly window: Window
}

/** The shape that timestamps are judged by. */
export interface RootTimestampAuthority {
  readonly anchors: readonly Certificate[]
  /** May hold the signing certificate itself. */
  readonly intermediates: readonly Certificate[]
  readonly notBeforeMs: number
  readonly notAfterMs?: number
}

export interface TrustedRoot {
  readonly logs: readonly KnownLog[]
  readonly ctLogs: readonly KnownLog[]
  readonly certificateAuthorities: readonly CertificateAuthority[]
  readonly timestampAuthorities: readonly RootTimestampAuthority[]
}

export function isWithin({ fromMs, untilMs }: Window, atMs: number): boolean {
  return fromMs <= atMs && (untilMs === undefined || atMs <= untilMs)
}

/**
 * A Sigstore TrustedRoot v0.1 or v0.2, strictly: nothing unknown, every certificate and key readable and strong, every
 * window with its beginning. A log whose kind of key or hash is not ours is passed over, as if it were not listed.
 * @throws PlatformError INVALID_SEAL
 */
export function parseTrustedRoot(text: string, cache: VerificationCache): TrustedRoot {
  const bytes = Buffer.from(text)
  if (bytes.byteLength > SIZE_LIMIT_BYTES)
    throw malformed('trusted-root', `the trusted root is larger than ${SIZE_LIMIT_BYTES} bytes`)
  return cache.parsed('trusted-root', sha256(bytes), () => {
    const root = toMembers(
      withoutNulls(parseJson(bytes, 'the trusted root')),
      ['mediaType', 'tlogs', 'certificateAuthorities', 'ctlogs', 'timestampAuthorities'],
      'the trusted root',
    )
    if (!MEDIA_TYPES.includes(root['mediaType']))
      throw malformed('trusted-root', 'the trusted root is of no media type that is known')
    return {
      logs: parseList(root['tlogs'], 'tlogs').flatMap((item) => parseLog(item, cache)),
      ctLogs: parseList(root['ctlogs'], 'ctlogs').flatMap((item) => parseLog(item, cache)),
      certificateAuthorities: parseList(
        root['certificateAuthorities'],
        'certificateAuthorities',
      ).map((item) => parseCertificateAuthority(item, cache)),
      timestampAuthorities: parseList(root['timestampAuthorities'], 'timestampAuthorities').map(
        (item) => parseTimestampAuthority(item, cache),
      ),
    }
  })
}

function parseList(value: Json | undefined, what: string): readonly Json[] {
  const list = value === undefined ? [] : toList(value, what)
  if (list.length > LIST_LIMIT)
    throw malformed('trusted-root', `\`${what}\` has more than ${LIST_LIMIT} items`)
  return list
}

function parseLog(value: Json, cache: VerificationCache): KnownLog[] {
  const what = 'a log of the trusted root'
  const known = ['baseUrl', 'hashAlgorithm', 'publicKey', 'logId', 'checkpointKeyId', 'operator']
  const log = toMembers(value, known, what)
  const publicKey = toMembers(log['publicKey'], ['rawBytes', 'keyDetails', 'validFor'], what)
  const window = parseWindow(publicKey['validFor'], what)
  const id = parseKeyId(log['logId'])
  const checkpoint = log['checkpointKeyId']
  const baseUrl = log['baseUrl'] === undefined ? '' : toText(log['baseUrl'], 'baseUrl')
  const details = toText(publicKey['keyDetails'], 'keyDetails')
  const key = parseLogKey(details, toBytes(publicKey['rawBytes'], 'the key of a log'), cache)
  if (key === undefined || log['hashAlgorithm'] !== 'SHA2_256') return []
  const checkpointKeyId = (checkpoint === undefined ? id : parseKeyId(checkpoint)).slice(0, 8)
  return [{ id, checkpointKeyId, baseUrl, ...key, window }]
}

function parseKeyId(value: Json | undefined): string {
  const bytes = toBytes(toMembers(value, ['keyId'], 'a log id')['keyId'], 'a log id')
  if (bytes.byteLength < 4 || bytes.byteLength > 32)
    throw malformed('trusted-root', 'a log id has 4 to 32 bytes')
  return Buffer.from(bytes).toString('hex')
}

/** A missing beginning is no unbounded one (sigstore-conformance, trust-root-tlog-missing-validity-start). */
function parseWindow(value: Json | undefined, what: string): Window {
  const { start, end } = toMembers(value, ['start', 'end'], `the validity of ${what}`)
  const fromMs = parseInstant(start, what)
  const untilMs = end === undefined ? undefined : parseInstant(end, what)
  if (untilMs !== undefined && untilMs < fromMs)
    throw malformed('trusted-root', `the validity of ${what} ends before it begins`)
  return { fromMs, untilMs }
}

function parseInstant(value: Json | undefined, what: string): number {
  const ms = typeof value === 'string' ? parseIsoTime(value) : undefined
  if (ms === undefined)
    throw malformed('trusted-root', `the validity of ${what} lacks an RFC 3339 time`)
  return ms
}

function parseAuthority(value: Json, what: string, cache: VerificationCache): CertificateAuthority {
  const known = ['subject', 'uri', 'certChain', 'validFor', 'operator']
  const authority = toMembers(value, known, what)
  const chain = toMembers(authority['certChain'], ['certificates'], `the chain of ${what}`)
  const list = toList(chain['certificates'], `the chain of ${what}`)
  if (list.length > CHAIN_LIMIT)
    throw malformed(
      'trusted-root',
      `the chain of ${what} has more than ${CHAIN_LIMIT} certificates`,
    )
  const certificates = list.map((item) => {
    const raw = toMembers(item, ['rawBytes'], 'a certificate')['rawBytes']
    const certificate = parseCertificate(toBytes(raw, 'a certificate'), cache)
    publicKeyOf(certificate, cache)
    return certificate
  })
  const anchor = certificates.at(-1)
  if (anchor === undefined) throw malformed('trusted-root', `the chain of ${what} is empty`)
  const window = parseWindow(authority['validFor'], what)
  return { anchor, intermediates: certificates.slice(0, -1), window }
}

function parseCertificateAuthority(value: Json, cache: VerificationCache): CertificateAuthority {
  return parseAuthority(value, 'a certificate authority of the trusted root', cache)
}

function parseTimestampAuthority(value: Json, cache: VerificationCache): RootTimestampAuthority {
  const what = 'a timestamp authority of the trusted root'
  const { anchor, intermediates, window } = parseAuthority(value, what, cache)
  return {
    anchors: [anchor],
    intermediates,
    notBeforeMs: window.fromMs,
    ...(window.untilMs !== undefined && { notAfterMs: window.untilMs }),
  }
}
