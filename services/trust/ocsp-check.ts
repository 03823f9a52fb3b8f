import type { VerificationCache } from './cache.ts'
import { isSignedBy, parseCertificate, type Certificate } from './certificate.ts'
import {
  isAbout,
  isResponder,
  parseOcspResponse,
  type OcspResponse,
  type SingleResponse,
} from './ocsp-response.ts'
import { isValidAt } from './path.ts'
import { isStructureSignedBy } from './signed-structure.ts'
import { unlessRefused, unlessRefusedEach } from './refusals.ts'

const OCSP_SIGNING = '1.3.6.1.5.5.7.3.9'
/** Certificates of one response that are tried as its responder's. */
const RESPONDERS_LIMIT = 4

/** The responses that stand beside a seal, as far as they can be read. */
export interface Staples {
  readonly responses: readonly OcspResponse[]
  readonly faults: readonly string[]
}

export function parseStaples(list: readonly Uint8Array[]): Staples {
  const faults: string[] = []
  const responses = unlessRefusedEach(list, parseOcspResponse, ({ publicMessage }) => {
    faults.push(`an OCSP response that cannot be read: ${publicMessage}`)
  })
  return { responses, faults }
}

/** What is verifiably said of this certificate; the issuer itself or its delegate must have signed (RFC 6960 §4.2.2.2). */
export function findSingleResponses(
  certificate: Certificate,
  issuer: Certificate,
  responses: readonly OcspResponse[],
  context: { readonly atMs: number; readonly cache: VerificationCache },
): SingleResponse[] {
  return responses.flatMap((response) => {
    const about = response.responses.filter((one) => isAbout(one, certificate, issuer))
    return about.length > 0 && isByAuthority(response, issuer, context) ? about : []
  })
}

function isByAuthority(
  response: OcspResponse,
  issuer: Certificate,
  { atMs, cache }: { readonly atMs: number; readonly cache: VerificationCache },
): boolean {
  if (isResponder(response, issuer) && isStructureSignedBy(response, issuer, cache)) return true
  const isSignedByDelegate = (der: Uint8Array): boolean => {
    const delegate = parseCertificate(der, cache)
    return (
      isDelegate(delegate, issuer, atMs) &&
      isResponder(response, delegate) &&
      isSignedBy(delegate, issuer, cache) &&
      isStructureSignedBy(response, delegate, cache)
    )
  }
  return response.certificates.slice(0, RESPONDERS_LIMIT).some((der) =>
    unlessRefused(
      () => isSignedByDelegate(der),
      () => false,
    ),
  )
}

function isDelegate(delegate: Certificate, issuer: Certificate, atMs: number): boolean {
  const { extendedKeyUsage, keyUsage, refused } = delegate.extensions
  return (
    delegate.issuerName.key === issuer.subjectName.key &&
    extendedKeyUsage?.includes(OCSP_SIGNING) === true &&
    keyUsage?.digitalSignature !== false &&
    refused.length === 0 &&
    isValidAt(delegate, atMs)
  )
}
