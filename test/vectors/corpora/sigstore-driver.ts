import { parsePublisherDocument, judge } from '../../../services/trust/index.ts'
import {
  bufferSource,
  parseSha256,
  PlatformError,
  sha256,
  type ArtifactIdentity,
  type PublisherDocument,
  type SealReport,
  type Sha256,
  type TrustedPublisher,
  type Verdict,
} from '../../../services/model/index.ts'

/** What a signature is to be judged by: somebody keyless, or a key. */
export type Trust =
  | { readonly identity: string; readonly issuer: string; readonly trustedRoot: string }
  | { readonly keyPem: string; readonly trustedRoot: string | undefined }

/** Any form: whether a form may stand as a seal is the publisher's business, which Sigstore's cases know nothing of. */
const FORMS = ['statement', 'message'] as const

/** @throws PlatformError INVALID_PARAMETER where root, identity or key is none that a publisher may have */
function documentOf(trust: Trust): PublisherDocument {
  if ('keyPem' in trust)
    return parsePublisherDocument({
      kind: 'key',
      forms: FORMS,
      keys: [{ publicKeyPem: trust.keyPem }],
      ...(trust.trustedRoot !== undefined && { trustedRoot: trust.trustedRoot }),
    })
  const type = /^[a-z]+:\/\//.test(trust.identity) ? 'uri' : 'email'
  return parsePublisherDocument({
    kind: 'oidc',
    forms: FORMS,
    trustedRoot: trust.trustedRoot,
    issuer: trust.issuer,
    identity: { type, value: trust.identity },
  })
}

/** The bytes that were signed, or where only their digest is known, that. */
export type Subject = { readonly bytes: Uint8Array } | { readonly sha256: Sha256 }

/**
 * One detached bundle by the functions that the service calls, as at `atMs`.
 * @throws PlatformError INVALID_PARAMETER
 */
export function judgeBundle(
  bundle: Uint8Array,
  subject: Subject,
  trust: Trust,
  atMs: number = Date.UTC(2026, 5, 1),
): Verdict {
  const bytes = 'bytes' in subject ? subject.bytes : Buffer.alloc(0)
  const digest = 'bytes' in subject ? sha256(bytes) : subject.sha256
  const artifact: ArtifactIdentity = {
    codeSha256: digest,
    sha256: digest,
    tree: digest,
    sizeBytes: bytes.byteLength,
    unzippedBytes: 0,
    entryCount: 0,
  }
  const publisher: TrustedPublisher = {
    id: 'pub-vector',
    name: 'vector',
    version: 'AAAAAAAAAA',
    arn: 'arn:aws:signer:us-east-1:000000000000:/signing-profiles/vector/AAAAAAAAAA',
    status: 'Active',
    createdAtMs: 0,
    document: documentOf(trust),
    allowed: true,
  }
  return judge({
    artifact,
    unsealed: bufferSource(bytes),
    kind: 'function',
    name: 'vector',
    account: '000000000000',
    seals: [{ format: 'bundle', place: 'detached', bytes: bundle }],
    publishers: [publisher],
    revocations: [],
    atMs,
  })
}

/**
 * Sigstore's suites accept an attestation as a valid bundle; here it is never a seal (RULES §4). Compared is therefore
 * what the verdict says of signature, signer, logs, times and digest, with that one refusal set aside.
 */
const NOT_ABOUT_SIGSTORE: readonly (string | undefined)[] = ['not-a-seal', 'form-not-allowed']

export function isVerified(verdict: Verdict): boolean {
  const [seal] = verdict.seals
  return seal !== undefined && seal.publisher !== undefined && refusalsOf(seal).length === 0
}

function refusalsOf({ findings }: SealReport): readonly string[] {
  return findings.flatMap(({ status, reason, got }) =>
    status === 'failed' && !NOT_ABOUT_SIGSTORE.includes(reason) ? [`${reason ?? ''} (${got})`] : [],
  )
}

export type Answer = { readonly verified: boolean; readonly because: string }

/** A typed no, at whichever step, is an answer; anything else thrown is none. */
export function answer(make: () => Verdict): Answer {
  try {
    const verdict = make()
    const [seal] = verdict.seals
    return {
      verified: isVerified(verdict),
      because: seal === undefined ? verdict.kind : refusalsOf(seal).join('; '),
    }
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error
    return { verified: false, because: `${error.code}: ${error.publicMessage}` }
  }
}

/** Who signed, as the bundle's own certificate says, for rows that are not about the identity. */
export function signerOf(bundle: Uint8Array, subject: Subject, trustedRoot: string): Trust {
  const issuer = 'https://nobody.invalid'
  const nobody = { identity: 'https://nobody.invalid/nobody', issuer, trustedRoot }
  try {
    const [seal] = judgeBundle(bundle, subject, nobody).seals
    if (seal?.signer?.kind !== 'oidc') return nobody
    const { subject: identity = '', issuer: vouching = '' } = seal.signer
    return { identity, issuer: vouching, trustedRoot }
  } catch (error) {
    if (error instanceof PlatformError) return nobody
    throw error
  }
}

/** SHA-256 of the first subject of the statement in a bundle's envelope, as the envelope has it. */
export function subjectDigestOf(bundle: Uint8Array): Sha256 | undefined {
  try {
    const { dsseEnvelope } = JSON.parse(Buffer.from(bundle).toString('utf8')) as {
      readonly dsseEnvelope?: { readonly payload: string }
    }
    const payload = Buffer.from(dsseEnvelope?.payload ?? '', 'base64').toString('utf8')
    const statement = JSON.parse(payload) as {
      readonly subject: readonly { readonly digest: { readonly sha256: string } }[]
    }
    return parseSha256(statement.subject[0]?.digest.sha256 ?? '')
  } catch {
    return undefined
  }
}
