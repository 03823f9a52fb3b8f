import { createHash } from 'node:crypto'

import { digestOf } from '../../services/artifact/index.ts'
import {
  PlatformError,
  type ByteSource,
  type Json,
  type SealFormat,
  type Sha256,
} from '../../services/model/index.ts'
import {
  encodeBundle,
  encodeCms,
  encodeSealStatement,
  encodeSignedAttributes,
  encodeTimestampResponse,
  preAuthEncoding,
  STATEMENT_PAYLOAD_TYPE,
  type HashName,
  type SignatureScheme,
} from '../../services/seal/index.ts'
import type { Attested, Witness } from './signer.ts'
import type { SigningIdentity } from './signing-identity.ts'

/** Who signs, and who is asked to vouch for the signature. */
export interface SealMaker {
  readonly identity: SigningIdentity
  readonly witness?: Witness
}

/** What is signed: the artifact without its seal block. */
export interface SealSubject {
  readonly name: string
  readonly sha256: Sha256
  readonly unsealed: ByteSource
}

/** The one algorithm each kind of key signs with (Sigstore's registry; RFC 8419 for Ed25519 in CMS). */
function schemeFor({ publicKey }: SigningIdentity): { scheme: SignatureScheme; digest: HashName } {
  if (publicKey.kind === 'ed25519') return { scheme: { kind: 'ed25519' }, digest: 'sha512' }
  if (publicKey.kind === 'rsa')
    return { scheme: { kind: 'rsa-pkcs1', hash: 'sha256' }, digest: 'sha256' }
  const byCurve = { 'P-256': 'sha256', 'P-384': 'sha384', 'P-521': 'sha512' } as const
  const digest = byCurve[publicKey.curve ?? 'P-256']
  return { scheme: { kind: 'ecdsa', hash: digest }, digest }
}

/** Signs, then asks those who vouch for it. */
async function signBytes(
  { identity, witness }: SealMaker,
  bytes: Uint8Array,
  payload?: Uint8Array,
): Promise<Attested & { readonly signature: Uint8Array }> {
  const { publicKey, leaf } = identity
  const signature = await identity.signer.sign(schemeFor(identity).scheme, bytes)
  const made = { signature, publicKey, certificate: leaf?.der, ...(payload && { payload }) }
  const attested = await witness?.(made)
  return { signature, timestamps: [], logEntries: [], ...attested }
}

/**
 * A Sigstore bundle over an in-toto statement that binds what the predicate says. Our own encoder: @sigstore/sign's
 * writes empty members, which the strict profile refuses, and takes 0.4 s to load.
 */
export async function makeStatementBundle(
  maker: SealMaker,
  subject: SealSubject,
  predicate: Readonly<Record<string, Json | undefined>>,
): Promise<Uint8Array> {
  const { identity } = maker
  const payload = toPayload(subject, predicate)
  const made = await signBytes(maker, preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload), payload)
  const fingerprint = identity.publicKey.spkiSha256
  const { leaf, intermediates } = identity
  return encodeBundle({
    format: 'bundle',
    signer:
      leaf === undefined
        ? { kind: 'key', hint: fingerprint }
        : { kind: 'certificates', certificates: [leaf, ...intermediates].map(({ der }) => der) },
    content: { kind: 'statement', payload, signature: made.signature, keyid: fingerprint },
    logEntries: made.logEntries,
    timestamps: made.timestamps.map(encodeTimestampResponse),
  })
}

/** What is wrong with a predicate here is wrong with what was asked for. */
function toPayload(
  subject: SealSubject,
  predicate: Readonly<Record<string, Json | undefined>>,
): Uint8Array {
  try {
    return encodeSealStatement(subject, predicate)
  } catch (error) {
    if (error instanceof PlatformError)
      throw new PlatformError('INVALID_PARAMETER', error.publicMessage, { cause: error })
    throw error
  }
}

/** A detached CMS SignedData, as `openssl cms -verify -binary` takes it. */
export async function makeCms(maker: SealMaker, subject: SealSubject): Promise<Uint8Array> {
  const { identity } = maker
  const { leaf, intermediates } = identity
  if (leaf === undefined)
    throw new PlatformError('INVALID_PARAMETER', '--format cms wants a certificate: give --cert')
  const { scheme, digest } = schemeFor(identity)
  const messageDigest =
    digest === 'sha256' ? Buffer.from(subject.sha256, 'hex') : digestOf(subject.unsealed, digest)
  const signed = encodeSignedAttributes(
    messageDigest,
    createHash('sha256').update(leaf.der).digest(),
  )
  const { signature, timestamps } = await signBytes(maker, signed)
  return encodeCms({
    digest,
    scheme,
    signer: {
      kind: 'issuer-serial',
      issuer: Buffer.from(leaf.issuer, 'hex'),
      serial: Buffer.from(leaf.serial, 'hex'),
    },
    signed: { bytes: signed },
    signature,
    certificates: [leaf, ...intermediates].map(({ der }) => der),
    timestamps,
  })
}

/** The seal in this format; a form that cannot bind a predicate refuses one. */
export async function makeSeal(
  format: SealFormat,
  maker: SealMaker,
  subject: SealSubject,
  predicate: Readonly<Record<string, Json | undefined>>,
): Promise<Uint8Array> {
  if (format === 'bundle') return await makeStatementBundle(maker, subject, predicate)
  const [bound] = Object.entries(predicate).filter(([, value]) => value !== undefined)
  if (bound !== undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `a CMS cannot bind \`${bound[0]}\`: use --format bundle`,
    )
  return await makeCms(maker, subject)
}
