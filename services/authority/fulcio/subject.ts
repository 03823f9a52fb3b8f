import { utf8String } from '../../seal/index.ts'
import { extension, type AlternativeName } from '../certificate/extensions.ts'
import type { Members } from '../members.ts'
import { refuse } from '../refusal.ts'
import { ciClaims, type ClaimExtensions } from './ci-claims.ts'
import type { VerifiedToken } from './token.ts'

/** Fulcio's arc (docs/oid-info.md there). */
const FULCIO = '1.3.6.1.4.1.57264.1'
const ISSUER_V1 = 1
const ISSUER_V2 = 8
/** GitHub's own, raw strings, deprecated and still written by Fulcio: up to here. */
const LAST_RAW = 6
const VALUE_LIMIT_CHARS = 2_048
/** RFC 5321 §4.5.3.1.3. */
const EMAIL_LIMIT_CHARS = 254

/** What of a token stands in the certificate. */
export interface CertificateSubject {
  readonly name: AlternativeName
  /** What the key must have signed: the e-mail address, or the subject of the token. */
  readonly challenge: string
  /** DER, in the order of their numbers. */
  readonly extensions: readonly Uint8Array[]
}

/** @throws PlatformError INVALID_PARAMETER where a claim that the name is made of is missing or not one */
export function toSubject(token: VerifiedToken): CertificateSubject {
  const { issuer, subject, claims } = token
  const common: ClaimExtensions = { [ISSUER_V1]: issuer.url, [ISSUER_V2]: issuer.url }
  if (issuer.kind === 'email') {
    const email = readEmail(claims)
    return { name: { type: 'email', value: email }, challenge: email, extensions: encode(common) }
  }
  const { uri, extensions } = ciClaims(issuer, claims)
  // An IA5String, and an absolute URI (RFC 5280 §4.2.1.6).
  if (!/^https:\/\/[!-~]+$/.test(uri) || uri.length > VALUE_LIMIT_CHARS || !URL.canParse(uri))
    throw refuse('token-claims', 'the claims of the identity token do not make a URI')
  return {
    name: { type: 'uri', value: uri },
    challenge: subject,
    extensions: encode({ ...common, ...extensions }),
  }
}

function readEmail(claims: Members): string {
  const { email, email_verified: verified } = claims
  if (typeof email !== 'string')
    throw refuse('token-email', 'the identity token has no e-mail address')
  // Only the boolean: an issuer that writes "false" means no.
  if (verified !== true)
    throw refuse('token-email-unverified', 'the issuer has not verified the e-mail address')
  if (email.length > EMAIL_LIMIT_CHARS || !/^[!#-'*+\-/-9=?A-Z^-~.]+@[A-Za-z0-9.-]+$/.test(email))
    throw refuse('token-email', 'the e-mail address is not one that a certificate can hold')
  return email
}

function encode(values: ClaimExtensions): Uint8Array[] {
  return Object.entries(values)
    .map(([number, value]) => [Number(number), value] as const)
    .filter(([, value]) => value !== undefined && value !== '')
    .sort(([a], [b]) => a - b)
    .map(([number, value = '']) => {
      if (value.length > VALUE_LIMIT_CHARS || !value.isWellFormed())
        throw refuse('token-claims', 'a claim of the identity token is too long for a certificate')
      const der = number <= LAST_RAW ? Buffer.from(value, 'utf8') : utf8String(value)
      return extension(`${FULCIO}.${number}`, der)
    })
}
