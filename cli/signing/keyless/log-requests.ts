import { createHash } from 'node:crypto'

import { canonicalJson, PlatformError, type Json } from '../../../services/model/index.ts'
import { encodePem, STATEMENT_PAYLOAD_TYPE } from '../../../services/seal/index.ts'
import type { PublicKey } from '../../../services/trust/index.ts'
import { digestFor, type MadeStatement } from './log-binding.ts'

/** cosign's names; Rekor v2 has no `intoto`. */
export const ENTRY_TYPES = ['dsse', 'intoto', 'hashedrekord'] as const
export type EntryType = (typeof ENTRY_TYPES)[number]

/** Of `POST /api/v1/log/entries`. */
export function rekorV1Request(type: EntryType, made: MadeStatement): Json {
  const verifier = toBase64(Buffer.from(verifierPem(made)))
  if (type === 'intoto') return intotoRequest(made, verifier)
  if (type === 'dsse')
    return {
      apiVersion: '0.0.1',
      kind: 'dsse',
      spec: {
        proposedContent: { envelope: JSON.stringify(envelopeOf(made)), verifiers: [verifier] },
      },
    }
  return {
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: {
        hash: { algorithm: 'sha256', value: sha256Of(made).toString('hex') },
      },
      signature: { content: toBase64(made.signature), publicKey: { content: verifier } },
    },
  }
}

/** Payload and signature are encoded twice there, and the hash is over them encoded once (Rekor's intoto v0.0.2). */
function intotoRequest(made: MadeStatement, publicKey: string): Json {
  const { payload, payloadType, signatures } = envelopeOf(made)
  const [{ sig, keyid }] = signatures
  const hashed = { payload, payloadType, signatures: [{ sig, keyid, publicKey }] }
  const twice = (text: string): string => toBase64(Buffer.from(text))
  return {
    apiVersion: '0.0.2',
    kind: 'intoto',
    spec: {
      content: {
        envelope: {
          payload: twice(payload),
          payloadType,
          signatures: [{ sig: twice(sig), keyid, publicKey }],
        },
        hash: { algorithm: 'sha256', value: hexOf(Buffer.from(canonicalJson(hashed))) },
        payloadHash: { algorithm: 'sha256', value: hexOf(made.payload) },
      },
    },
  }
}

/** Of `POST /api/v2/log/entries`. @throws PlatformError INVALID_PARAMETER */
export function rekorV2Request(type: EntryType, made: MadeStatement): Json {
  if (type === 'intoto')
    throw new PlatformError('INVALID_PARAMETER', 'Rekor v2 keeps no entries of the type `intoto`')
  const rawBytes = toBase64(made.certificate ?? made.publicKey.spki)
  const verifier = {
    [made.certificate === undefined ? 'publicKey' : 'x509Certificate']: { rawBytes },
    keyDetails: keyDetails(made.publicKey),
  }
  if (type === 'dsse')
    return { dsseRequestV002: { envelope: envelopeOf(made), verifiers: [verifier] } }
  const digest = toBase64(sha256Of(made))
  return {
    hashedRekordRequestV002: {
      digest,
      signature: { content: toBase64(made.signature), verifier },
    },
  }
}

/** Rekor recomputes the digest by the key: only keys that sign over SHA-256 can be logged by it. */
function sha256Of(made: MadeStatement): Buffer {
  const { kind, curve } = made.publicKey
  if (kind === 'ed25519' || (kind === 'ec' && curve !== 'P-256'))
    throw new PlatformError(
      'INVALID_PARAMETER',
      'only P-256 and RSA keys sign over SHA-256: use --rekor-entry-type dsse',
    )
  return digestFor('hashedrekord', made.payload)
}

/** Names of Sigstore's algorithm registry. */
function keyDetails({ kind, curve, object }: PublicKey): string {
  if (kind === 'ed25519') return 'PKIX_ED25519'
  if (kind === 'rsa')
    return `PKIX_RSA_PKCS1V15_${object.asymmetricKeyDetails?.modulusLength ?? 0}_SHA256`
  const byCurve = {
    'P-256': 'PKIX_ECDSA_P256_SHA_256',
    'P-384': 'PKIX_ECDSA_P384_SHA_384',
    'P-521': 'PKIX_ECDSA_P521_SHA_512',
  } as const
  return byCurve[curve ?? 'P-256']
}

/** The envelope exactly as the bundle holds it. */
function envelopeOf({ payload, signature, publicKey }: MadeStatement) {
  const signed = { sig: toBase64(signature), keyid: publicKey.spkiSha256 }
  return {
    payload: toBase64(payload),
    payloadType: STATEMENT_PAYLOAD_TYPE,
    signatures: [signed] as const,
  }
}

function verifierPem({ certificate, publicKey }: MadeStatement): string {
  return certificate === undefined
    ? encodePem('PUBLIC KEY', publicKey.spki)
    : encodePem('CERTIFICATE', certificate)
}

function hexOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
