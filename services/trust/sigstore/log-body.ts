import { sha256, type Json } from '../../model/index.ts'
import {
  encodeBase64,
  malformed,
  parseJson,
  parsePem,
  STATEMENT_PAYLOAD_TYPE,
  toBytes,
  toList,
  toObject,
  toText,
  type HashName,
  type Members,
} from '../../seal/index.ts'
import { wrongSeal } from '../findings.ts'
import type { LogEntry } from './log-entry.ts'

/** What a log entry has to be about: the very signature at hand, made by this signer over this. */
export interface Logged {
  readonly signature: Uint8Array
  /** DER of the signer's certificate, or else of its public key. */
  readonly verifier: { readonly label: 'CERTIFICATE' | 'PUBLIC KEY'; readonly der: Uint8Array }
  /** Hex of the digest of what was signed: the artifact, or DSSE's encoding of the payload. */
  readonly digest: (hash: HashName) => string
  /** The DSSE payload and keyid; absent for a message signature. */
  readonly envelope: { readonly payload: Uint8Array; readonly keyid: string } | undefined
}

/** What an entry of some kind says. `undefined` members are not said by it. */
interface Said {
  readonly signature: Uint8Array | undefined
  readonly verifier: { readonly label: string; readonly der: Uint8Array }
  readonly digestFits: boolean
}

const BODY_LIMIT_BYTES = 262_144
const HASHES: ReadonlyMap<Json | undefined, HashName> = new Map<Json | undefined, HashName>([
  ['sha256', 'sha256'],
  ['sha384', 'sha384'],
  ['sha512', 'sha512'],
  ['SHA2_256', 'sha256'],
  ['SHA2_384', 'sha384'],
  ['SHA2_512', 'sha512'],
])

/**
 * Whether the entry is about digest, signature AND signer at hand: each of them has once been left out by somebody
 * (CVE-2022-36056, CVE-2026-22703).
 * @throws PlatformError INVALID_SEAL
 */
export function checkBody(entry: LogEntry, logged: Logged): void {
  const said = readBody(entry, logged)
  const wrong = [
    ...(said.digestFits ? [] : ['digest']),
    ...(said.signature === undefined || same(said.signature, logged.signature)
      ? []
      : ['signature']),
    ...(said.verifier.label === logged.verifier.label &&
    same(said.verifier.der, logged.verifier.der)
      ? []
      : ['signer']),
  ]
  if (wrong.length > 0)
    throw wrongSeal('log-entry-mismatch', {
      expected: 'a log entry about this signature, its signer and what it is over',
      got: `the log entry has another ${wrong.join(' and ')}`,
      fix: 'the entry was taken from another bundle: sign again',
    })
}

function readBody(entry: LogEntry, logged: Logged): Said {
  if (entry.body.byteLength > BODY_LIMIT_BYTES)
    throw malformed('log-body', `a log entry is larger than ${BODY_LIMIT_BYTES} bytes`)
  const body = toObject(parseJson(entry.body, 'the log entry'), 'the log entry')
  const kind = `${entry.kind} ${entry.version}`
  if (body['kind'] !== entry.kind || body['apiVersion'] !== entry.version)
    throw malformed('log-body', 'the log entry is of another kind than the bundle says')
  const spec = toObject(body['spec'], 'the log entry')
  switch (kind) {
    case 'hashedrekord 0.0.1':
      return readHashed(spec, logged)
    case 'hashedrekord 0.0.2':
      return readHashedV2(toObject(spec['hashedRekordV002'], 'the log entry'), logged)
    case 'dsse 0.0.1':
      return readDsse(spec, logged)
    case 'dsse 0.0.2':
      return readDsseV2(toObject(spec['dsseV002'], 'the log entry'), logged)
    case 'intoto 0.0.2':
      return readIntoto(toObject(spec['content'], 'the log entry'), logged)
    case 'intoto 0.0.1':
      return readIntotoV1(spec, logged)
    default:
      throw malformed('log-kind', `log entries of the kind \`${kind.slice(0, 80)}\` are not read`)
  }
}

function readHashed(spec: Members, logged: Logged): Said {
  const data = toObject(spec['data'], 'the log entry')
  const signature = toObject(spec['signature'], 'the log entry')
  const key = toObject(signature['publicKey'], 'the log entry')
  return {
    signature: toBytes(signature['content'], 'the log entry'),
    verifier: readPem(key['content']),
    digestFits: isHash(data['hash'], (hash) => logged.digest(hash)),
  }
}

function readHashedV2(record: Members, logged: Logged): Said {
  const data = toObject(record['data'], 'the log entry')
  const signature = toObject(record['signature'], 'the log entry')
  return {
    signature: toBytes(signature['content'], 'the log entry'),
    verifier: readVerifier(signature['verifier']),
    digestFits: isDigest(data, (hash) => logged.digest(hash)),
  }
}

function readDsse(spec: Members, logged: Logged): Said {
  const signature = single(spec['signatures'])
  return {
    signature: toBytes(signature['signature'], 'the log entry'),
    verifier: readPem(signature['verifier']),
    digestFits: isHash(spec['payloadHash'], payloadDigest(logged)),
  }
}

function readDsseV2(spec: Members, logged: Logged): Said {
  const signature = single(spec['signatures'])
  return {
    signature: toBytes(signature['content'], 'the log entry'),
    verifier: readVerifier(signature['verifier']),
    digestFits: isDigest(toObject(spec['payloadHash'], 'the log entry'), payloadDigest(logged)),
  }
}

/** Signatures stand here in base64 twice over. */
function readIntoto(content: Members, logged: Logged): Said {
  const signature = single(toObject(content['envelope'], 'the log entry')['signatures'])
  const inner = Buffer.from(toBytes(signature['sig'], 'the log entry')).toString('latin1')
  return {
    signature: toBytes(inner, 'the log entry'),
    verifier: readPem(signature['publicKey']),
    digestFits: isHash(content['payloadHash'], payloadDigest(logged)),
  }
}

/**
 * The oldest kind names no signature, only the SHA-256 of the envelope as it was sent. One of the ways in which it was
 * written must give that digest; then the signature is bound through it.
 */
function readIntotoV1(spec: Members, logged: Logged): Said {
  const content = toObject(spec['content'], 'the log entry')
  const digests = envelopeForms(logged).map((text) => sha256(text))
  const hash = toObject(content['hash'], 'the log entry')
  return {
    signature: undefined,
    verifier: readPem(spec['publicKey']),
    digestFits:
      hash['algorithm'] === 'sha256' && digests.some((digest) => digest === hash['value']),
  }
}

function envelopeForms({ envelope, signature }: Logged): string[] {
  if (envelope === undefined) return []
  const payload = encodeBase64(envelope.payload)
  const [sig, keyid] = [encodeBase64(signature), envelope.keyid]
  return [{ keyid, sig }, { sig, keyid }, { sig }].flatMap((one) => [
    JSON.stringify({ payloadType: STATEMENT_PAYLOAD_TYPE, payload, signatures: [one] }),
    JSON.stringify({ payload, payloadType: STATEMENT_PAYLOAD_TYPE, signatures: [one] }),
  ])
}

function payloadDigest({ envelope }: Logged): (hash: HashName) => string | undefined {
  return (hash) =>
    envelope === undefined || hash !== 'sha256' ? undefined : sha256(envelope.payload)
}

function single(value: Json | undefined): Members {
  const list = toList(value, 'the signatures of the log entry')
  if (list.length !== 1)
    throw malformed('log-body', 'the log entry is not about exactly one signature')
  return toObject(list[0], 'the log entry')
}

/** `{algorithm, value}`, hex. */
function isHash(value: Json | undefined, digest: (hash: HashName) => string | undefined): boolean {
  const { algorithm, value: text } = toObject(value, 'the digest of the log entry')
  const hash = HASHES.get(algorithm)
  return hash !== undefined && typeof text === 'string' && digest(hash) === text
}

/** `{algorithm, digest}`, base64. */
function isDigest(members: Members, digest: (hash: HashName) => string | undefined): boolean {
  const hash = HASHES.get(members['algorithm'])
  const bytes = toBytes(members['digest'], 'the digest of the log entry')
  return hash !== undefined && digest(hash) === Buffer.from(bytes).toString('hex')
}

function readPem(value: Json | undefined): Said['verifier'] {
  const text = Buffer.from(toBytes(value, 'the key of the log entry')).toString('latin1')
  const [block, ...more] = parsePem(text)
  if (block === undefined || more.length > 0)
    throw malformed('log-body', 'the log entry does not hold exactly one key')
  return { label: block.label, der: block.bytes }
}

function readVerifier(value: Json | undefined): Said['verifier'] {
  const { x509Certificate, publicKey } = toObject(value, 'the key of the log entry')
  const raw = toObject(x509Certificate ?? publicKey, 'the key of the log entry')['rawBytes']
  return {
    label: x509Certificate === undefined ? 'PUBLIC KEY' : 'CERTIFICATE',
    der: toBytes(toText(raw, 'the key of the log entry'), 'the key of the log entry'),
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a).equals(b)
}
