import { toIsoTime } from '../../../services/model/index.ts'
import { DerCursor, readDer, TAG, toOid } from '../../../services/seal/index.ts'
import type { Certificate, PublicKey } from '../../../services/trust/index.ts'
import { failed } from './exchange.ts'
import type { IdentityToken } from './identity-token.ts'
import { identitiesOf, issuersOf, type Identity } from './token-identities.ts'

const CODE_SIGNING = '1.3.6.1.5.5.7.3.3'
/** Fulcio's issuer, as DER UTF8String. */
const ISSUER_V2 = '1.3.6.1.4.1.57264.1.8'
/** A fresh certificate begins now by the authority's clock, which may be ahead of ours. */
const CLOCK_SKEW_MS = 60_000

export interface CertificateExpectation {
  readonly publicKey: PublicKey
  readonly token: IdentityToken
  /** The caller's own words for who he is; else one of the names the token stands for. */
  readonly identity: string | undefined
  readonly nowMs: number
}

/**
 * Looks at the certificate before anything is signed in its name: it must be for our key and our identity, for code
 * signing, and valid now. Whom it is by is for the trusted root to say.
 * @throws PlatformError SIGNER_FAILED
 */
export function checkCertificate(
  certificate: Certificate,
  { publicKey, token, identity, nowMs }: CertificateExpectation,
): { readonly name: Identity; readonly issuer: string | undefined } {
  if (!Buffer.from(certificate.spki).equals(publicKey.spki))
    throw failed('the certificate authority certified another key than ours', 'certificate-key')
  const { extensions, notBeforeMs, notAfterMs } = certificate
  if (extensions.ca || extensions.extendedKeyUsage?.includes(CODE_SIGNING) !== true)
    throw failed('the certificate is not for code signing', 'certificate-usage')
  if (notAfterMs < nowMs || notBeforeMs > nowMs + CLOCK_SKEW_MS)
    throw failed(
      `the certificate is valid from ${toIsoTime(notBeforeMs)} to ${toIsoTime(notAfterMs)}, which is not now`,
      'certificate-expired',
    )
  const issuer = fulcioIssuer(certificate)
  if (issuer !== undefined && !issuersOf(token).includes(issuer))
    throw failed('the certificate names another issuer than the token', 'certificate-issuer')
  return { name: ownName(certificate, token, identity), issuer }
}

function ownName(
  { extensions: { altNames } }: Certificate,
  token: IdentityToken,
  identity: string | undefined,
): Identity {
  const [name, ...more] = altNames
  const own = (one: Identity): boolean =>
    identity === undefined
      ? identitiesOf(token).some(({ type, value }) => type === one.type && value === one.value)
      : one.value === identity
  if (name === undefined || more.length > 0 || !own(name))
    throw failed(
      identity === undefined
        ? 'the certificate is for an identity that the token does not name; where the authority names it otherwise, say so with --certificate-identity'
        : 'the certificate is for another identity than --certificate-identity',
      'certificate-identity',
    )
  return name
}

function fulcioIssuer(certificate: Certificate): string | undefined {
  const tbs = new DerCursor(readDer(certificate.tbs), TAG.sequence, 'the certificate')
  const list = [...tbs.rest()].find(({ tag }) => tag === 0xa3)?.children[0]
  for (const item of list?.children ?? []) {
    if (toOid(item.children[0]) !== ISSUER_V2) continue
    const value = item.children.at(-1)
    const text = value === undefined ? undefined : readDer(value.content)
    if (text?.tag === TAG.utf8String) return Buffer.from(text.content).toString('utf8')
  }
  return undefined
}
