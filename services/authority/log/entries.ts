import { canonicalJson, limits, sha256, type Json } from '../../model/index.ts'
import { preAuthEncoding } from '../../seal/index.ts'
import { toBytes, toList, toMembers, toText } from '../members.ts'
import { refuse } from '../refusal.ts'
import { parseVerifier, type LogVerifier } from './verifier.ts'

const API_VERSION = '0.0.2'
/** Signatures of an envelope, and keys that may verify them. */
const SIGNATURES_LIMIT = 16
const DIGEST_BYTES = { sha256: 32, sha384: 48, sha512: 64 } as const
const HASH_NAMES = { sha256: 'SHA2_256', sha384: 'SHA2_384', sha512: 'SHA2_512' } as const

/** What is logged: the leaf, and what it is. */
export interface NewLogEntry {
  readonly kind: 'hashedrekord' | 'dsse'
  readonly version: string
  /** RFC 8785; the leaf is its hash. */
  readonly canonicalBody: string
}

/**
 * A CreateEntryRequest of Rekor v2, verified: what does not hold a signature that verifies is not logged.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseEntryRequest(value: Json): NewLogEntry {
  const kinds = ['hashedRekordRequestV002', 'dsseRequestV002'] as const
  const members = toMembers(value, kinds, 'the request')
  const [kind, ...more] = kinds.filter((name) => members[name] !== undefined)
  if (kind === undefined || more.length > 0)
    throw refuse('entry-kind', 'an entry is either a hashedRekordRequestV002 or a dsseRequestV002')
  return kind === 'dsseRequestV002' ? dsse(members[kind]) : hashedRekord(members[kind])
}

function hashedRekord(value: Json | undefined): NewLogEntry {
  const members = toMembers(value, ['digest', 'signature'], 'the hashedrekord request')
  const signature = toMembers(members['signature'], ['content', 'verifier'], 'the signature')
  const digest = toBytes(members['digest'], 'the digest')
  const content = toBytes(signature['content'], 'the signature')
  const verifier = parseVerifier(signature['verifier'])
  if (digest.byteLength !== DIGEST_BYTES[verifier.hash])
    throw refuse('digest', `the digest is not a ${HASH_NAMES[verifier.hash]}`)
  if (!verifier.verifyDigest(digest, content))
    throw refuse('signature', 'the signature does not verify over the digest')
  return toEntry('hashedrekord', {
    hashedRekordV002: {
      data: { algorithm: HASH_NAMES[verifier.hash], digest: encode(digest) },
      signature: { content: encode(content), verifier: verifier.json },
    },
  })
}

function dsse(value: Json | undefined): NewLogEntry {
  const members = toMembers(value, ['envelope', 'verifiers'], 'the dsse request')
  const envelope = toMembers(
    members['envelope'],
    ['payload', 'payloadType', 'signatures'],
    'the envelope',
  )
  const verifiers = toList(members['verifiers'], 'verifiers', SIGNATURES_LIMIT).map(parseVerifier)
  const payload = toBytes(envelope['payload'], 'the payload')
  const message = preAuthEncoding(toText(envelope['payloadType'], 'the payloadType'), payload)
  const signatures = toList(envelope['signatures'], 'signatures', SIGNATURES_LIMIT).map((item) => {
    const signature = toMembers(item, ['sig', 'keyid'], 'a signature')
    const content = toBytes(signature['sig'], 'a signature')
    return { content: encode(content), verifier: verifierOf(content, message, verifiers).json }
  })
  return toEntry('dsse', {
    dsseV002: {
      payloadHash: {
        algorithm: 'SHA2_256',
        digest: Buffer.from(sha256(payload), 'hex').toString('base64'),
      },
      signatures,
    },
  })
}

/** Every signature has a key among the verifiers, or nothing is logged. */
function verifierOf(
  signature: Uint8Array,
  message: Uint8Array,
  verifiers: readonly LogVerifier[],
): LogVerifier {
  const found = verifiers.find((verifier) => verifier.verifyMessage(message, signature))
  if (found === undefined)
    throw refuse('signature', 'a signature of the envelope verifies under none of the verifiers')
  return found
}

function toEntry(kind: NewLogEntry['kind'], spec: Json): NewLogEntry {
  const canonicalBody = canonicalJson({ apiVersion: API_VERSION, kind, spec })
  // A bundle of tlog-tiles counts the length of an entry in 16 bits.
  if (Buffer.byteLength(canonicalBody) > limits.LEDGER_ENTRY_LIMIT_BYTES)
    throw refuse('entry-size', 'the entry is too large for a tile', { code: 'REQUEST_TOO_LARGE' })
  return { kind, version: API_VERSION, canonicalBody }
}

function encode(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
