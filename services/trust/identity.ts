import { sha256, type SignerIdentity, type X509PublisherDocument } from '../model/index.ts'
import type { Certificate } from './certificate.ts'
import type { Signer } from './signer.ts'

/** What thresholds count (RULES §4): the key alone, or issuer, subject and key of a certificate. */
export function identityOf(signer: Signer): SignerIdentity | undefined {
  if (signer.kind === 'key') {
    if (signer.key === undefined) return undefined
    const { spkiSha256 } = signer.key
    return { id: `key:${spkiSha256}`, kind: 'key', spkiSha256, display: `key SHA256:${spkiSha256}` }
  }
  const { leaf, key } = signer
  return {
    id: `x509:${sha256(`${leaf.issuer}\0${leaf.subject}\0${key.spkiSha256}`)}`,
    kind: 'x509',
    spkiSha256: key.spkiSha256,
    display: leaf.subjectText,
    subject: leaf.subjectText,
    issuer: leaf.issuerText,
    certificateSha256: leaf.sha256,
  }
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
