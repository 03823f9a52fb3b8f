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
  encodeAttestation,
  encodeBundle,
  encodeCms,
  encodeSealStatement,
  encodeSignedAttributes,
  encodeTimestampResponse,
  encodeVouchStatement,
  preAuthEncoding,
  STATEMENT_PAYLOAD_TYPE,
  type SignatureScheme,
} from '../../services/seal/index.ts'
import { cmsScheme, digestOfScheme, signWith, usualScheme } from './scheme.ts'
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

/** Signs, then asks those who vouch for it. */
async function signBytes(
  { identity, witness }: SealMaker,
  scheme: SignatureScheme,
  bytes: Uint8Array,
  payload?: Uint8Array,
): Promise<Attested & { readonly signature: Uint8Array }> {
  const { publicKey, leaf } = identity
  const signature = await signWith(identity.signer, scheme, bytes)
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
  subject: Pick<SealSubject, 'name' | 'sha256'>,
  predicate: Readonly<Record<string, Json | undefined>>,
  encode: typeof encodeSealStatement = encodeSealStatement,
): Promise<Uint8Array> {
  const { identity } = maker
  const payload = toPayload(() => encode(subject, predicate))
  const signed = preAuthEncoding(STATEMENT_PAYLOAD_TYPE, payload)
  const made = await signBytes(maker, bundleScheme(identity), signed, payload)
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

/** A bundle names no algorithm: its verifiers take the usual one of the key. */
function bundleScheme({ signer, publicKey }: SigningIdentity): SignatureScheme {
  if (signer.scheme !== undefined)
    throw new PlatformError(
      'INVALID_PARAMETER',
      `the key signs with ${signer.scheme.kind} alone, which a bundle cannot say: use --format cms with --cert`,
    )
  return usualScheme(publicKey)
}

/** What is wrong with a predicate here is wrong with what was asked for. */
function toPayload(encode: () => Uint8Array): Uint8Array {
  try {
    return encode()
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
  const scheme = cmsScheme(identity.signer)
  const digest = digestOfScheme(scheme)
  const messageDigest =
    digest === 'sha256' ? Buffer.from(subject.sha256, 'hex') : digestOf(subject.unsealed, digest)
  const signed = encodeSignedAttributes(
    messageDigest,
    createHash('sha256').update(leaf.der).digest(),
  )
  const { signature, timestamps } = await signBytes(maker, scheme, signed)
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

/** A vouch for somebody else's layer: a statement of its own kind, never a bare signature (RULES §4). */
export async function makeVouch(
  maker: SealMaker,
  subject: SealSubject,
  predicate: Readonly<Record<string, Json | undefined>>,
): Promise<Uint8Array> {
  return await makeStatementBundle(maker, subject, predicate, encodeVouchStatement)
}

/** What somebody says of an artifact, as a statement of the type given. @throws PlatformError INVALID_PARAMETER */
export async function makeAttestation(
  maker: SealMaker,
  subject: Pick<SealSubject, 'name' | 'sha256'>,
  said: { readonly predicateType: string; readonly predicate: Json },
): Promise<Uint8Array> {
  const encode = (about: { readonly name: string; readonly sha256: string }): Uint8Array =>
    encodeAttestation(about, said.predicateType, said.predicate)
  return await makeStatementBundle(maker, subject, {}, encode)
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
