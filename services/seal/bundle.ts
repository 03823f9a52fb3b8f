import { canonicalJson, type Json } from '../model/index.ts'
import { encodeBase64 } from './base64.ts'
import { parseLogEntries, parseTimestamps } from './bundle-evidence.ts'
import { onlyOne, toBytes, toList, toMembers, toText } from './members.ts'
import { malformed } from './refusal.ts'
import { parseJson, STATEMENT_PAYLOAD_TYPE } from './statement.ts'

export const BUNDLE_MEDIA_TYPE = 'application/vnd.dev.sigstore.bundle.v0.3+json'
/** The same version under its earlier name; detached only. */
const BUNDLE_MEDIA_TYPE_LEGACY = 'application/vnd.dev.sigstore.bundle+json;version=0.3'
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
      readonly signature: Uint8Array
    }

/** A Sigstore bundle v0.3 as far as seals use it. */
export interface Bundle {
  readonly format: 'bundle'
  readonly signer: BundleSigner
  readonly content: BundleContent
  readonly logEntries: readonly Json[]
  readonly timestamps: readonly Uint8Array[]
}

/**
 * `block`: the bytes are the RFC 8785 form of what they say, to the byte. `detached`: white space, empty
 * members and the legacy media type are tolerated; members unknown to the format are not.
 * @throws PlatformError INVALID_SEAL
 */
export function decodeBundle(bytes: Uint8Array, place: 'block' | 'detached'): Bundle {
  const root = toMembers(
    parseJson(bytes, 'the bundle'),
    ['mediaType', 'verificationMaterial', 'messageSignature', 'dsseEnvelope'],
    'the bundle',
  )
  const legacy = place === 'detached' && root['mediaType'] === BUNDLE_MEDIA_TYPE_LEGACY
  if (root['mediaType'] !== BUNDLE_MEDIA_TYPE && !legacy)
    throw malformed('media-type', `the bundle is not of the type \`${BUNDLE_MEDIA_TYPE}\``)
  const bundle = parseBundle(root['verificationMaterial'], root)
  if (place === 'block' && !Buffer.from(encodeBundle(bundle)).equals(bytes))
    throw malformed('not-canonical', 'the bundle is not the canonical JSON of its own content')
  return bundle
}

function parseBundle(
  materialJson: Json | undefined,
  root: Readonly<Record<string, Json | undefined>>,
): Bundle {
  const signers = ['publicKey', 'certificate', 'x509CertificateChain']
  const material = toMembers(
    materialJson,
    [...signers, 'tlogEntries', 'timestampVerificationData'],
    'the verification material',
  )
  const content = onlyOne(root, ['messageSignature', 'dsseEnvelope'], 'the bundle')
  return {
    format: 'bundle',
    signer: parseSigner(onlyOne(material, signers, 'the verification material'), material),
    content:
      content === 'dsseEnvelope' ? parseEnvelope(root[content]) : parseMessage(root[content]),
    logEntries: parseLogEntries(material['tlogEntries']),
    timestamps: parseTimestamps(material['timestampVerificationData']),
  }
}

function parseSigner(
  kind: string,
  material: Readonly<Record<string, Json | undefined>>,
): BundleSigner {
  if (kind === 'publicKey') {
    const key = toMembers(material[kind], ['hint'], 'the public key')
    const { hint = '' } = key
    return { kind: 'key', hint: toText(hint, 'the hint') }
  }
  const single = kind === 'certificate'
  const list = single
    ? [material[kind]]
    : toList(
        toMembers(material[kind], ['certificates'], 'the certificate chain')['certificates'],
        'the certificate chain',
      )
  if (list.length === 0 || list.length > CHAIN_LIMIT || (!single && list.length === 1))
    throw malformed('certificate-chain', `a certificate chain has 2 to ${CHAIN_LIMIT} certificates`)
  const certificates = list.map((item) =>
    toBytes(toMembers(item, ['rawBytes'], 'a certificate')['rawBytes'], 'a certificate'),
  )
  return { kind: 'certificates', certificates }
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
  if (digest['algorithm'] !== 'SHA2_256')
    throw malformed('unknown-algorithm', 'the message digest is not of the algorithm `SHA2_256`')
  return {
    kind: 'message',
    digest: toBytes(digest['digest'], 'the message digest'),
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
        messageDigest: { algorithm: 'SHA2_256', digest: encodeBase64(content.digest) },
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
