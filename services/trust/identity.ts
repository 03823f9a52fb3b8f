import {
  sha256,
  type PublisherDocument,
  type SignerIdentity,
  type X509PublisherDocument,
} from '../model/index.ts'
import type { VerificationCache } from './cache.ts'
import type { Certificate } from './certificate.ts'
import { parseFulcio } from './sigstore/fulcio.ts'
import type { Signer } from './signer.ts'
import { unlessRefused } from './refusals.ts'

/**
 * What thresholds count (RULES §4): the key alone, issuer, subject and key of a certificate, or who an issuer vouched for.
 * `by`: the kind of the publisher that identified the signer.
 */
export function identityOf(
  signer: Signer,
  by: PublisherDocument['kind'] | undefined,
  cache: VerificationCache,
): SignerIdentity | undefined {
  if (signer.kind === 'key') {
    if (signer.key === undefined) return undefined
    const { spkiSha256 } = signer.key
    return { id: `key:${spkiSha256}`, kind: 'key', spkiSha256, display: `key SHA256:${spkiSha256}` }
  }
  const { leaf, key } = signer
  const keyless = by === undefined ? undefined : keylessIdentity(leaf, cache)
  if (keyless !== undefined && by === 'oidc')
    return {
      id: keyless.id,
      kind: 'oidc',
      spkiSha256: key.spkiSha256,
      display: `${keyless.name} (${keyless.issuer})`,
      subject: keyless.name,
      issuer: keyless.issuer,
      certificateSha256: leaf.sha256,
    }
  return {
    // one person with a new key each time is one signer, through whatever kind of publisher
    id: keyless?.id ?? `x509:${sha256(`${leaf.issuer}\0${leaf.subject}\0${key.spkiSha256}`)}`,
    kind: 'x509',
    spkiSha256: key.spkiSha256,
    display: leaf.name,
    subject: leaf.subjectText,
    issuer: leaf.issuerText,
    certificateSha256: leaf.sha256,
  }
}

const NO_IDENTITY = { issuer: undefined, identity: undefined }

function keylessIdentity(
  leaf: Certificate,
  cache: VerificationCache,
): { readonly id: string; readonly name: string; readonly issuer: string } | undefined {
  const { issuer, identity } = unlessRefused(
    () => parseFulcio(leaf, cache),
    () => NO_IDENTITY,
  )
  if (issuer === undefined || identity === undefined) return undefined
  const { type, value: name } = identity
  return { id: `oidc:${sha256(`${issuer}\0${type}\0${name}`)}`, name, issuer }
}

/** Exact, never by pattern: subject and alternative names must each fit where the publisher lists them. */
export function fitsSubjects(document: X509PublisherDocument, leaf: Certificate): boolean {
  const { subjects, subjectAltNames } = document
  const subjectFits = subjects === undefined || subjects.includes(leaf.subjectText)
  const altNameFits =
    subjectAltNames === undefined ||
    subjectAltNames.some((wanted) =>
      leaf.extensions.altNames.some(
        ({ type, value }) => type === wanted.type && value === wanted.value,
      ),
    )
  return subjectFits && altNameFits
}
