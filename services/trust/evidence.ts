import { createHash } from 'node:crypto'

import {
  sha256,
  type ByteSource,
  type Json,
  type SealForm,
  type SealInput,
  type Sha256,
} from '../model/index.ts'
import {
  encodeSeal,
  malformed,
  parseStatement,
  preAuthEncoding,
  STATEMENT_PAYLOAD_TYPE,
  type Bundle,
  type Cms,
  type DecodedSeal,
  type HashName,
  type Statement,
} from '../seal/index.ts'
import { digestOf } from '../artifact/index.ts'
import type { VerificationCache } from './cache.ts'
import { wrongSeal } from './findings.ts'
import { findKeySigner } from './key-signer.ts'
import type { EvidenceContext, Signer } from './signer.ts'
import { readAttestation } from './read-attestation.ts'
import { stableSignature } from './signature.ts'
import type { Logged } from './sigstore/log-body.ts'
import { bundleCertificateSigner, cmsSigner } from './x509-signer.ts'

/** A seal whose form, digest and signature hold for this artifact. Nothing is said yet about who may sign. */
export interface Evidence {
  readonly seal: SealInput
  readonly form: SealForm
  readonly statement: Statement | undefined
  readonly signer: Signer
  /** Stays the same however the signature is wrapped. */
  readonly digest: Sha256
  /** Every text by which this seal may have been revoked. */
  readonly targets: readonly string[]
  /** The signature's own bytes: what timestamps and log entries are about. */
  readonly signature: Uint8Array
  readonly timestamps: readonly Uint8Array[]
  readonly logEntries: readonly Json[]
  /** What each log entry has to be about. */
  readonly logged: Logged
  readonly ocspResponses: readonly Uint8Array[]
  readonly unchecked: readonly string[]
}

/** @throws PlatformError INVALID_SEAL where the seal is wrong for this artifact, which means tampered */
export function gatherEvidence(
  seal: SealInput,
  decoded: DecodedSeal,
  context: EvidenceContext,
): Evidence {
  const statement = checkSubject(decoded, context)
  const signed = signedBytes(decoded)
  const { signer, unchecked } = findSigner(seal, decoded, signed, context)
  const signature = decoded.format === 'cms' ? decoded.signature : decoded.content.signature
  const digest = sha256(
    'lacre seal v1\0',
    formOf(decoded),
    '\0',
    sha256(signed ?? context.input.artifact.sha256),
    stableSignature(signature, signer.key),
  )
  return {
    seal,
    form: formOf(decoded),
    statement,
    signer,
    digest,
    targets: [digest, sha256(seal.bytes), sha256(encodeSeal(decoded))],
    signature,
    timestamps: decoded.timestamps,
    ocspResponses: decoded.format === 'cms' ? decoded.ocspResponses : [],
    logEntries: decoded.format === 'bundle' ? decoded.logEntries : [],
    logged: { signature, ...loggedBy(signer), ...loggedContent(decoded, signed, context) },
    unchecked: [...unchecked, ...(decoded.format === 'cms' ? decoded.unchecked : [])],
  }
}

function loggedBy(signer: Signer): Pick<Logged, 'verifier'> {
  return {
    verifier:
      signer.kind === 'x509'
        ? { label: 'CERTIFICATE', der: signer.leaf.der }
        : { label: 'PUBLIC KEY', der: signer.key?.spki ?? Buffer.alloc(0) },
  }
}

function loggedContent(
  decoded: DecodedSeal,
  signed: Uint8Array | undefined,
  { input: { artifact, unsealed }, cache }: EvidenceContext,
): Pick<Logged, 'digest' | 'envelope'> {
  const content = decoded.format === 'bundle' ? decoded.content : undefined
  return {
    digest: (hash) => {
      if (signed !== undefined) return createHash(hash).update(signed).digest('hex')
      return artifactDigest(hash, artifact.sha256, unsealed, cache)
    },
    envelope: content?.kind === 'statement' ? content : undefined,
  }
}

export function formOf(decoded: DecodedSeal): SealForm {
  return decoded.format === 'cms' ? 'cms' : decoded.content.kind
}

/** The bytes under the signature; `undefined` where they are the artifact itself. */
function signedBytes(decoded: DecodedSeal): Uint8Array | undefined {
  if (decoded.format === 'cms') return decoded.signed?.bytes
  return decoded.content.kind === 'statement'
    ? preAuthEncoding(STATEMENT_PAYLOAD_TYPE, decoded.content.payload)
    : undefined
}

function findSigner(
  seal: SealInput,
  decoded: DecodedSeal,
  signed: Uint8Array | undefined,
  context: EvidenceContext,
): { readonly signer: Signer; readonly unchecked: readonly string[] } {
  if (decoded.format === 'cms') return cmsSigner(decoded, seal.place, context)
  const { signer } = decoded
  return signer.kind === 'key'
    ? {
        signer: findKeySigner({ ...decoded, signer }, seal.place, signed, context),
        unchecked: [],
      }
    : bundleCertificateSigner({ ...decoded, signer }, seal.place, signed, context)
}

function checkSubject(decoded: DecodedSeal, context: EvidenceContext): Statement | undefined {
  const { input } = context
  if (input.asks === 'attestation') return checkAttestationDigest(decoded, context)
  if (decoded.format === 'bundle') return checkBundleDigest(decoded, context)
  checkCmsDigest(decoded, context)
  return undefined
}

/** Only a statement attests: a bare signature says nothing but itself. */
function checkAttestationDigest(decoded: DecodedSeal, context: EvidenceContext): Statement {
  if (decoded.format !== 'bundle' || decoded.content.kind !== 'statement')
    throw malformed(
      'not-an-attestation',
      'the signature is over no statement, so it attests nothing',
    )
  const statement = readAttestation(decoded.content.payload, context.cache)
  checkDigest(statement.subjects, 'sha256', context)
  return statement
}

function checkBundleDigest(bundle: Bundle, context: EvidenceContext): Statement | undefined {
  const { content } = bundle
  if (content.kind === 'message') {
    checkDigest([toHex(content.digest)], content.hash ?? 'sha256', context)
    return undefined
  }
  const statement = parseStatement(content.payload)
  checkDigest(
    statement.kind === 'attestation' ? statement.subjects : [statement.subject],
    'sha256',
    context,
  )
  return statement
}

/** Without signed attributes the signature itself is over the content, and is all there is to check. */
function checkCmsDigest({ signed, digest }: Cms, context: EvidenceContext): void {
  if (signed !== undefined) checkDigest([toHex(signed.attributes.messageDigest)], digest, context)
}

/** AWS: Integrity check; not softened by Warn. */
function checkDigest(got: readonly string[], algorithm: HashName, context: EvidenceContext): void {
  const { artifact, unsealed } = context.input
  const expected = artifactDigest(algorithm, artifact.sha256, unsealed, context.cache)
  if (got.includes(expected)) return
  if (isOverSealedFile(got, algorithm, context))
    throw wrongSeal('signed-sealed-file', {
      expected: `a signature over the unsealed bytes, ${algorithm} ${expected}`,
      got: 'the signature is over the file with its seal block',
      fix: 'sign the zip before it is sealed, or use `lacre sign`, which signs the unsealed bytes',
    })
  throw wrongSeal('digest-mismatch', {
    expected: `${algorithm} ${expected}`,
    got: `the seal is over ${algorithm} ${got.slice(0, 1).join()}${got.length > 1 ? ' and others' : ''}`,
    fix: 'the artifact was changed after signing, or the seal belongs to another one: sign this artifact',
  })
}

function isOverSealedFile(
  got: readonly string[],
  algorithm: HashName,
  { input: { artifact, sealed }, cache }: EvidenceContext,
): boolean {
  if (artifact.codeSha256 === artifact.sha256) return false
  if (algorithm === 'sha256') return got.includes(artifact.codeSha256)
  if (sealed === undefined) return false
  return got.includes(artifactDigest(algorithm, artifact.codeSha256, sealed, cache))
}

/** Another digest of the bytes that `sha256` names: read once, however many seals ask for it. */
function artifactDigest(
  algorithm: HashName,
  named: Sha256,
  source: ByteSource,
  cache: VerificationCache,
): string {
  if (algorithm === 'sha256') return named
  return toHex(cache.parsed(algorithm, named, () => digestOf(source, algorithm)))
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
