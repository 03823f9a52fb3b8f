import { canonicalJson, type Json } from '../model/index.ts'
import type { HashName } from './algorithms.ts'
import { encodeBase64 } from './base64.ts'
import { parseLogEntries, parseTimestamps, type BundleVersion } from './bundle-evidence.ts'
import { onlyOne, toBytes, toList, toMembers, toText, withoutNulls } from './members.ts'
import { malformed } from './refusal.ts'
import { parseJson, STATEMENT_PAYLOAD_TYPE } from './statement.ts'

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
/** Earlier versions, and the same one under its earlier name; detached only. */
const EARLIER_MEDIA_TYPES: ReadonlyMap<Json | undefined, BundleVersion> = new Map([
  ['application/vnd.dev.sigstore.bundle+json;version=0.1', '0.1'],
  ['application/vnd.dev.sigstore.bundle+json;version=0.2', '0.2'],
  ['application/vnd.dev.sigstore.bundle+json;version=0.3', '0.3'],
])
/** Sigstore's names of the digests that count. */
const DIGEST_NAMES: Readonly<Record<HashName, string>> = {
  sha256: 'SHA2_256',
  sha384: 'SHA2_384',
  sha512: 'SHA2_512',
}
const CHAIN_LIMIT = 8

export type BundleSigner =
  | { readonly kind: 'key'; readonly hint: string }
  /** Leaf first. */
  | { readonly kind: 'certificates'; readonly certificates: readonly Uint8Array[] }

export type BundleContent =
  | {
      readonly kind: 'statement'
      readonly payload: Uint8Array
      readonly signature: Uint8Array
      readonly keyid: string
    }
  | {
      readonly kind: 'message'
      readonly digest: Uint8Array
      /** SHA-256 where absent; others are met in detached bundles of others. */
      readonly hash?: HashName
      readonly signature: Uint8Array
    }

/** A Sigstore bundle as far as seals use it; what is read of v0.1 and v0.2 is written as v0.3. */
export interface Bundle {
  readonly format: 'bundle'
  readonly signer: BundleSigner
  readonly content: BundleContent
  readonly logEntries: readonly Json[]
  readonly timestamps: readonly Uint8Array[]
}

/**
 * `block`: the bytes are the RFC 8785 form of what they say, to the byte, in v0.3. `detached`: white space, empty and
 * null members, v0.1, v0.2 and the legacy media type are tolerated; members unknown to the format are not.
 * @throws PlatformError INVALID_SEAL
 */
export function decodeBundle(bytes: Uint8Array, place: 'block' | 'detached'): Bundle {
  const json = parseJson(bytes, 'the bundle')
  const root = toMembers(
    place === 'block' ? json : withoutNulls(json),
    ['mediaType', 'verificationMaterial', 'messageSignature', 'dsseEnvelope'],
    'the bundle',
  )
  const bundle = parseBundle(root, versionOf(root['mediaType'], place), place)
  if (place === 'block' && !Buffer.from(encodeBundle(bundle)).equals(bytes))
    throw malformed('not-canonical', 'the bundle is not the canonical JSON of its own content')
  return bundle
}

function versionOf(mediaType: Json | undefined, place: 'block' | 'detached'): BundleVersion {
  if (mediaType === BUNDLE_MEDIA_TYPE) return '0.3'
  const earlier = place === 'detached' ? EARLIER_MEDIA_TYPES.get(mediaType) : undefined
  if (earlier === undefined)
    throw malformed('media-type', `the bundle is not of the type \`${BUNDLE_MEDIA_TYPE}\``)
  return earlier
}

function parseBundle(
  root: Readonly<Record<string, Json | undefined>>,
  version: BundleVersion,
  place: 'block' | 'detached',
): Bundle {
  const signers = ['publicKey', 'certificate', 'x509CertificateChain']
  const material = toMembers(
    root['verificationMaterial'],
    [...signers, 'tlogEntries', 'timestampVerificationData'],
    'the verification material',
  )
  const content = onlyOne(root, ['messageSignature', 'dsseEnvelope'], 'the bundle')
  const signer = onlyOne(material, signers, 'the verification material')
  return {
    format: 'bundle',
    signer: parseSigner(signer, material, place),
    content:
      content === 'dsseEnvelope' ? parseEnvelope(root[content]) : parseMessage(root[content]),
    logEntries: parseLogEntries(material['tlogEntries'], version),
    timestamps: parseTimestamps(material['timestampVerificationData']),
  }
}

function parseSigner(
  kind: string,
  material: Readonly<Record<string, Json | undefined>>,
  place: 'block' | 'detached',
): BundleSigner {
  if (kind === 'publicKey') {
    const key = toMembers(material[kind], ['hint'], 'the public key')
    const { hint = '' } = key
    return { kind: 'key', hint: toText(hint, 'the hint') }
  }
  if (kind === 'certificate')
    return { kind: 'certificates', certificates: [parseRawBytes(material[kind])] }
  const chain = toMembers(material[kind], ['certificates'], 'the certificate chain')
  const list = toList(chain['certificates'], 'the certificate chain')
  // in a block one certificate has one form: `certificate`
  const least = place === 'block' ? 2 : 1
  if (list.length < least || list.length > CHAIN_LIMIT)
    throw malformed(
      'certificate-chain',
      `a certificate chain has ${least} to ${CHAIN_LIMIT} certificates`,
    )
  return { kind: 'certificates', certificates: list.map((item) => parseRawBytes(item)) }
}

function parseRawBytes(value: Json | undefined): Uint8Array {
  return toBytes(toMembers(value, ['rawBytes'], 'a certificate')['rawBytes'], 'a certificate')
}

function parseEnvelope(value: Json | undefined): BundleContent {
  const envelope = toMembers(value, ['payload', 'payloadType', 'signatures'], 'the DSSE envelope')
  if (envelope['payloadType'] !== STATEMENT_PAYLOAD_TYPE)
    throw malformed('payload-type', `the payload type is not \`${STATEMENT_PAYLOAD_TYPE}\``)
  const signatures = toList(envelope['signatures'], 'the signatures')
  if (signatures.length !== 1)
    throw malformed(
      'signature-count',
      `a seal has exactly one signature, this one has ${signatures.length}`,
    )
  const signature = toMembers(signatures[0], ['sig', 'keyid'], 'the signature')
  const { keyid = '' } = signature
  return {
    kind: 'statement',
    payload: toBytes(envelope['payload'], 'the payload'),
    signature: toBytes(signature['sig'], 'the signature'),
    keyid: toText(keyid, 'the keyid'),
  }
}

function parseMessage(value: Json | undefined): BundleContent {
  const message = toMembers(value, ['messageDigest', 'signature'], 'the message signature')
  const digest = toMembers(message['messageDigest'], ['algorithm', 'digest'], 'the message digest')
  const hash = (['sha256', 'sha384', 'sha512'] as const).find(
    (name) => DIGEST_NAMES[name] === digest['algorithm'],
  )
  if (hash === undefined)
    throw malformed('unknown-algorithm', 'the message digest is not of the algorithm `SHA2_256`')
  return {
    kind: 'message',
    digest: toBytes(digest['digest'], 'the message digest'),
    ...(hash !== 'sha256' && { hash }),
    signature: toBytes(message['signature'], 'the signature'),
  }
}

/** The canonical form that stands in a seal block. */
export function encodeBundle(bundle: Bundle): Uint8Array {
  return Buffer.from(
    canonicalJson({
      mediaType: BUNDLE_MEDIA_TYPE,
      verificationMaterial: encodeMaterial(bundle),
      ...encodeContent(bundle.content),
    }),
  )
}

function encodeMaterial({ signer, logEntries, timestamps }: Bundle): Json {
  const signedTimestamps = timestamps.map((token) => ({ signedTimestamp: encodeBase64(token) }))
  return {
    ...encodeSigner(signer),
    ...(logEntries.length > 0 && { tlogEntries: logEntries }),
    ...(timestamps.length > 0 && {
      timestampVerificationData: { rfc3161Timestamps: signedTimestamps },
    }),
  }
}

function encodeSigner(signer: BundleSigner): Readonly<Record<string, Json>> {
  if (signer.kind === 'key') return { publicKey: signer.hint === '' ? {} : { hint: signer.hint } }
  const [leaf, ...more] = signer.certificates.map((raw) => ({ rawBytes: encodeBase64(raw) }))
  if (leaf === undefined || more.length === 0) return { certificate: leaf ?? null }
  return { x509CertificateChain: { certificates: [leaf, ...more] } }
}

function encodeContent(content: BundleContent): Readonly<Record<string, Json>> {
  const signature = encodeBase64(content.signature)
  if (content.kind === 'message')
    return {
      messageSignature: {
        messageDigest: {
          algorithm: DIGEST_NAMES[content.hash ?? 'sha256'],
          digest: encodeBase64(content.digest),
        },
        signature,
      },
    }
  return {
    dsseEnvelope: {
      payload: encodeBase64(content.payload),
      payloadType: STATEMENT_PAYLOAD_TYPE,
      signatures: [{ sig: signature, ...(content.keyid !== '' && { keyid: content.keyid }) }],
    },
  }
}
