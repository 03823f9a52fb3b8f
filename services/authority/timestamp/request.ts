import { parseStrictJson } from '../../model/index.ts'
import {
  DerCursor,
  TAG,
  integer,
  objectIdentifier,
  parseDigestAlgorithm,
  readDer,
  toOid,
  toSmallInteger,
  type Der,
  type HashName,
} from '../../seal/index.ts'
import { toBytes, toMembers, toText } from '../members.ts'
import { refuse } from '../refusal.ts'

/** Ours alone, under the arc of UUIDs (2.25): a timestamp of this authority promises nothing beyond docs/authority.md. */
export const POLICY_OID = '2.25.208613463718427912740519302814936154083'

/** A nonce is as long as the largest digest at most. */
const NONCE_LIMIT_BYTES = 64
const DIGEST_BYTES: Readonly<Record<HashName, number>> = { sha256: 32, sha384: 48, sha512: 64 }

export interface TimestampRequest {
  readonly hash: HashName
  readonly imprint: Uint8Array
  /** The INTEGER as it came, DER. */
  readonly nonce: Uint8Array | undefined
  readonly wantsCertificates: boolean
}

/** PKIFailureInfo (RFC 3161 §2.4.2), by the reason a refusal carries. */
export const FAILURE_BITS: Readonly<Record<string, number>> = {
  'timestamp-algorithm': 0,
  'timestamp-request': 2,
  'timestamp-format': 5,
  'timestamp-policy': 15,
  'timestamp-extension': 16,
}

/** A TimeStampReq (RFC 3161 §2.4.1) in strict DER. @throws PlatformError INVALID_PARAMETER */
export function parseTimestampQuery(bytes: Uint8Array): TimestampRequest {
  let cursor: DerCursor
  let version: number
  let imprint: Der
  try {
    cursor = new DerCursor(readDer(bytes), TAG.sequence, 'the timestamp request')
    version = toSmallInteger(cursor.take(TAG.integer, 'version'), 'the version')
    imprint = cursor.take(TAG.sequence, 'message imprint')
  } catch (cause) {
    throw refuse('timestamp-format', 'the timestamp request cannot be read', { cause })
  }
  if (version !== 1) throw refuse('timestamp-request', 'the timestamp request is not of version 1')
  const { hash, value } = parseImprint(imprint)
  const policy = cursor.optional(TAG.oid)
  if (policy !== undefined) checkPolicy(toOid(policy))
  const nonce = cursor.optional(TAG.integer)
  const wanted = cursor.optional(TAG.boolean)
  if (cursor.optional(0xa0) !== undefined)
    throw refuse('timestamp-extension', 'extensions of a timestamp request are not supported')
  if (cursor.any() !== undefined)
    throw refuse('timestamp-format', 'the timestamp request holds more than it may')
  if (nonce !== undefined && nonce.content.byteLength > NONCE_LIMIT_BYTES)
    throw refuse('timestamp-request', 'the nonce is too long')
  return {
    hash,
    imprint: value,
    nonce: nonce?.bytes,
    // X.690 §11.5: a default is not encoded; whoever writes FALSE out is still understood.
    wantsCertificates: wanted?.content[0] === 0xff,
  }
}

function parseImprint(value: Der): { hash: HashName; value: Uint8Array } {
  const cursor = new DerCursor(value, TAG.sequence, 'the message imprint')
  let hash: HashName
  let digest: Der
  try {
    hash = parseDigestAlgorithm(cursor.take(TAG.sequence, 'digest algorithm'))
  } catch (cause) {
    throw refuse('timestamp-algorithm', 'the digest algorithm is not accepted', { cause })
  }
  try {
    digest = cursor.take(TAG.octetString, 'digest')
    cursor.end()
  } catch (cause) {
    throw refuse('timestamp-format', 'the message imprint cannot be read', { cause })
  }
  return { hash, value: checkLength(hash, digest.content) }
}

/** Sigstore's JSON form of a request. @throws PlatformError INVALID_PARAMETER, INVALID_REQUEST_CONTENT */
export function parseTimestampJson(bytes: Uint8Array): TimestampRequest {
  const known = ['artifactHash', 'hashAlgorithm', 'certificates', 'nonce', 'tsaPolicyOID']
  const members = toMembers(parseStrictJson(bytes, 2), known, 'the timestamp request')
  const hash = toHash(toText(members['hashAlgorithm'], 'the hashAlgorithm'))
  const { certificates = false, tsaPolicyOID: policy = '' } = members
  if (typeof certificates !== 'boolean')
    throw refuse('request-shape', 'certificates is not a boolean')
  if (policy !== '') checkPolicy(toText(policy, 'the tsaPolicyOID'))
  return {
    hash,
    imprint: checkLength(hash, toBytes(members['artifactHash'], 'the artifactHash')),
    nonce: members['nonce'] === undefined ? undefined : readNonce(bytes),
    wantsCertificates: certificates,
  }
}

/** Clients write nonces larger than a JSON number of JavaScript's holds: the digits are taken from the text. */
function readNonce(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('utf8')
  const digits = /(?<!\\)"nonce"\s*:\s*(0|[1-9][0-9]{0,150})\s*[,}]/.exec(text)?.[1]
  if (digits === undefined) throw refuse('timestamp-request', 'the nonce is not a whole number')
  const hex = BigInt(digits).toString(16)
  const magnitude = Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex')
  if (magnitude.length > NONCE_LIMIT_BYTES)
    throw refuse('timestamp-request', 'the nonce is too long')
  return integer(magnitude)
}

function toHash(name: string): HashName {
  const lower = name.toLowerCase()
  if (lower === 'sha256' || lower === 'sha384' || lower === 'sha512') return lower
  throw refuse(
    'timestamp-algorithm',
    `the digest algorithm \`${name.slice(0, 40)}\` is not accepted`,
  )
}

function checkPolicy(oid: string): void {
  if (oid !== POLICY_OID)
    throw refuse('timestamp-policy', `the policy \`${oid.slice(0, 80)}\` is not this authority's`)
}

function checkLength(hash: HashName, digest: Uint8Array): Uint8Array {
  if (digest.byteLength === DIGEST_BYTES[hash]) return digest
  throw refuse('timestamp-request', `the digest is not a ${hash}`)
}

export function policyIdentifier(): Uint8Array {
  return objectIdentifier(POLICY_OID)
}
