import { canonicalJson, parseIsoTime, parseStrictJson, type Json } from '../model/index.ts'
import type { Claim } from './predicates/claim.ts'
import { malformed } from './refusal.ts'
import { toList, toMembers, toObject, toText, type Members } from './members.ts'

/** RULES §4: exactly this payload type; anything else is no in-toto statement. */
export const STATEMENT_PAYLOAD_TYPE = 'application/vnd.in-toto+json'
export const SEAL_PREDICATE_TYPE = 'urn:lacre:seal:v1'
export const VOUCH_PREDICATE_TYPE = 'urn:lacre:vouch:v1'
export const STATEMENT_V1 = 'https://in-toto.io/Statement/v1'
const STATEMENT_V01 = 'https://in-toto.io/Statement/v0.1'
const STATEMENT_SIZE_LIMIT_BYTES = 131_072
const NAMES_LIMIT = 64
const SUBJECTS_LIMIT = 1_024
const COUNTER_MAX = 2n ** 64n - 1n

/** What a seal binds itself to (RULES §4). A member that is absent binds nothing. */
export interface SealPredicate {
  readonly kind?: 'function' | 'layer'
  /** Globs in which `*` stays within one segment. */
  readonly names?: readonly string[]
  readonly account?: string
  /** u64 as a decimal string. */
  readonly counter?: string
  readonly notAfterMs?: number
}

/** For which functions somebody answers for somebody else's bytes, and until when: all of it is required but `account`. */
export interface VouchPredicate {
  /** Globs over function names; `*` stays within one segment. */
  readonly names: readonly string[]
  readonly account?: string
  readonly notAfterMs: number
}

export type Statement =
  | { readonly kind: 'seal'; readonly subject: string; readonly predicate: SealPredicate }
  /** No seal: it admits by digest what somebody else made (RULES §4). */
  | { readonly kind: 'vouch'; readonly subject: string; readonly predicate: VouchPredicate }
  /** Somebody's attestation: never a seal, whoever signed it. */
  | {
      readonly kind: 'attestation'
      readonly subjects: readonly string[]
      readonly predicateType: string
      /** Read where attestations are asked for, and only there. */
      readonly claim?: Claim
    }

/**
 * The in-toto Statement in a DSSE payload, by the subject rule (RULES §4).
 * @throws PlatformError INVALID_SEAL
 */
export function parseStatement(payload: Uint8Array): Statement {
  if (payload.byteLength > STATEMENT_SIZE_LIMIT_BYTES)
    throw malformed(
      'statement-size',
      `the statement is larger than ${STATEMENT_SIZE_LIMIT_BYTES} bytes`,
    )
  const document = toObject(parseJson(payload, 'the statement'), 'the statement')
  const predicateType = toText(document['predicateType'], 'predicateType')
  if (predicateType === SEAL_PREDICATE_TYPE) {
    const { subject, predicate } = parseOwn(document, 'a seal')
    return { kind: 'seal', subject, predicate: parsePredicate(predicate) }
  }
  if (predicateType === VOUCH_PREDICATE_TYPE) {
    const { subject, predicate } = parseOwn(document, 'a vouch')
    return { kind: 'vouch', subject, predicate: parseVouch(predicate) }
  }
  return parseAttestation(document, predicateType)
}

/** Strict JSON of a seal; what is wrong with it is a wrong seal. */
export function parseJson(bytes: Uint8Array, what: string): Json {
  try {
    return parseStrictJson(bytes)
  } catch (cause) {
    throw malformed('json', `${what} is not strict JSON: ${(cause as Error).message}`, cause)
  }
}

/** What our own statements share: v1, one subject, nothing unknown. */
function parseOwn(
  document: Members,
  what: string,
): { readonly subject: string; readonly predicate: Json | undefined } {
  const known = ['_type', 'subject', 'predicateType', 'predicate']
  const statement = toMembers(document as Json, known, 'the statement')
  if (statement['_type'] !== STATEMENT_V1)
    throw malformed('statement-type', `${what} is a statement of the type \`${STATEMENT_V1}\``)
  const subjects = toList(statement['subject'], 'subject')
  if (subjects.length !== 1)
    throw malformed(
      'subject-count',
      `${what} has exactly one subject, this one has ${subjects.length}`,
    )
  return {
    subject: subjectDigest(subjects[0], ['name', 'digest']),
    predicate: statement['predicate'],
  }
}

/** @throws PlatformError INVALID_SEAL */
export function parseAttestation(
  document: Members,
  predicateType: string,
): Extract<Statement, { kind: 'attestation' }> {
  // in-toto's TypeURI (RFC 3986): without a scheme anybody's type could be anybody else's
  if (!/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(predicateType))
    throw malformed('predicate-type', 'the predicate type of the attestation is not a URI')
  const type = document['_type']
  if (type !== STATEMENT_V1 && type !== STATEMENT_V01)
    throw malformed('statement-type', 'the payload is no in-toto statement of v1 or v0.1')
  const subjects = toList(document['subject'], 'subject')
  if (subjects.length === 0 || subjects.length > SUBJECTS_LIMIT)
    throw malformed('subject-count', `an attestation has 1 to ${SUBJECTS_LIMIT} subjects`)
  return {
    kind: 'attestation',
    predicateType,
    subjects: subjects.map((subject) => subjectDigest(subject)),
  }
}

/** Other algorithms and `name` are ignored; `digest.sha256` is what counts (RULES §4). */
function subjectDigest(value: Json | undefined, known?: readonly string[]): string {
  const subject =
    known === undefined ? toObject(value, 'a subject') : toMembers(value, known, 'the subject')
  const digest = toObject(subject['digest'], 'the digest of the subject')['sha256']
  if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest))
    throw malformed(
      'subject-digest',
      'the subject has no digest.sha256 of 64 lower-case hex digits',
    )
  return digest
}

/** An unknown member could be a limit that this version does not know: refused, never ignored. */
function parsePredicate(value: Json | undefined): SealPredicate {
  if (value === undefined) return {}
  const known = ['kind', 'names', 'account', 'counter', 'notAfter']
  const predicate = toMembers(value, known, 'the predicate')
  const { kind, names, account, counter, notAfter } = predicate
  return {
    ...(kind !== undefined && { kind: toKind(kind) }),
    ...(names !== undefined && { names: toNames(names) }),
    ...(account !== undefined && { account: toAccount(account) }),
    ...(counter !== undefined && { counter: toCounter(counter) }),
    ...(notAfter !== undefined && { notAfterMs: toNotAfter(notAfter) }),
  }
}

/** A vouch without a scope or an end would be a blank cheque. */
function parseVouch(value: Json | undefined): VouchPredicate {
  const predicate = toMembers(value, ['names', 'account', 'notAfter'], 'the predicate')
  const { names, account, notAfter } = predicate
  if (names === undefined || notAfter === undefined)
    throw malformed('predicate', 'a vouch has `names` and `notAfter` in its predicate')
  return {
    names: toNames(names),
    ...(account !== undefined && { account: toAccount(account) }),
    notAfterMs: toNotAfter(notAfter),
  }
}

function toKind(value: Json): 'function' | 'layer' {
  if (value !== 'function' && value !== 'layer')
    throw malformed('predicate', '`kind` in the predicate is neither `function` nor `layer`')
  return value
}

function toNames(value: Json): string[] {
  const names = toList(value, '`names` in the predicate').map((name) => toText(name, 'a name glob'))
  const good = names.every(
    (name) => /^[\w.*-]{1,170}(?:\/[\w.*-]{1,170}){0,7}$/.test(name) && !name.includes('**'),
  )
  if (names.length === 0 || names.length > NAMES_LIMIT || !good)
    throw malformed(
      'predicate',
      `\`names\` in the predicate are not 1 to ${NAMES_LIMIT} name globs`,
    )
  return names
}

function toAccount(value: Json): string {
  if (typeof value !== 'string' || !/^\d{12}$/.test(value))
    throw malformed('predicate', '`account` in the predicate is not 12 digits')
  return value
}

function toCounter(value: Json): string {
  if (
    typeof value !== 'string' ||
    !/^(?:0|[1-9]\d{0,19})$/.test(value) ||
    BigInt(value) > COUNTER_MAX
  )
    throw malformed('predicate', '`counter` in the predicate is not a u64 as a decimal string')
  return value
}

function toNotAfter(value: Json): number {
  const ms = typeof value === 'string' ? parseIsoTime(value) : undefined
  if (ms === undefined)
    throw malformed('predicate', '`notAfter` in the predicate is not an RFC 3339 time')
  return ms
}

interface StatementSubject {
  readonly name: string
  readonly sha256: string
}
type Predicate = { readonly [name: string]: Json | undefined }

/** The payload of a seal over this digest: canonical JSON, so that the same seal is the same bytes. */
export function encodeSealStatement(subject: StatementSubject, predicate: Predicate): Uint8Array {
  return encodeOwn(SEAL_PREDICATE_TYPE, subject, predicate)
}

/** The payload of a vouch for these bytes. */
export function encodeVouchStatement(subject: StatementSubject, predicate: Predicate): Uint8Array {
  return encodeOwn(VOUCH_PREDICATE_TYPE, subject, predicate)
}

function encodeOwn(
  predicateType: string,
  subject: StatementSubject,
  predicate: Predicate,
): Uint8Array {
  const payload = Buffer.from(
    canonicalJson({
      _type: STATEMENT_V1,
      subject: [{ name: subject.name, digest: { sha256: subject.sha256 } }],
      predicateType,
      predicate,
    }),
  )
  parseStatement(payload)
  return payload
}

/** DSSE's pre-authentication encoding: what is signed. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  const type = Buffer.from(payloadType, 'utf8')
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.length} `),
    type,
    Buffer.from(` ${payload.byteLength} `),
    payload,
  ])
}
