import { PlatformError, type TimestampAuthority } from '../model/index.ts'
import { encodePem, parsePem } from '../seal/index.ts'
import { VerificationCache } from './cache.ts'
import { isSelfIssued, parseCertificate, publicKeyOf, type Certificate } from './certificate.ts'
import { singleBlock } from './single-block.ts'
import { givenBytes } from './refusals.ts'

const AUTHORITIES_LIMIT = 8
const CERTIFICATES_LIMIT = 8
const PEM_LIMIT_CHARS = 65_536

function refuse(message: string, cause?: unknown): PlatformError {
  return new PlatformError('INVALID_PARAMETER', message, { cause })
}

/**
 * `timestampAuthorities` of a publisher document: each certificate parses and is strong, PEM in one form, nothing
 * unknown, no root in two authorities: thresholds count authorities by their roots.
 * @throws PlatformError INVALID_PARAMETER
 */
export function parseTimestampAuthorities(value: unknown): TimestampAuthority[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > AUTHORITIES_LIMIT)
    throw refuse(`\`timestampAuthorities\` is not a list of 1 to ${AUTHORITIES_LIMIT} items`)
  const authorities = value.map((item: unknown) => parseAuthority(item))
  const roots = authorities.flatMap(({ rootsPem }) => rootsPem)
  if (new Set(roots).size !== roots.length)
    throw refuse('the publisher has a root of a timestamp authority twice')
  return authorities
}

function parseAuthority(value: unknown): TimestampAuthority {
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw refuse('a timestamp authority is not a JSON object')
  const { rootsPem, intermediatesPem = [], ...more } = value as Readonly<Record<string, unknown>>
  const [unknown] = Object.keys(more)
  if (unknown !== undefined)
    throw refuse(`a timestamp authority has the unknown member \`${unknown.slice(0, 80)}\``)
  const roots = parseCertificates(rootsPem, '`rootsPem`')
  if (roots.length === 0) throw refuse('a timestamp authority has no root')
  return {
    rootsPem: roots,
    intermediatesPem: parseCertificates(intermediatesPem, '`intermediatesPem`'),
  }
}

function parseCertificates(value: unknown, what: string): string[] {
  if (!Array.isArray(value) || value.length > CERTIFICATES_LIMIT)
    throw refuse(
      `${what} of a timestamp authority is not a list of at most ${CERTIFICATES_LIMIT} items`,
    )
  return value.map((pem: unknown) => {
    if (typeof pem !== 'string' || pem.length > PEM_LIMIT_CHARS)
      throw refuse(`${what} of a timestamp authority is not a list of texts`)
    return toPem(givenBytes(() => readCertificate(singleBlock(pem, 'CERTIFICATE'))))
  })
}

function readCertificate(der: Uint8Array): Certificate {
  const cache = new VerificationCache()
  const certificate = parseCertificate(der, cache)
  publicKeyOf(certificate, cache)
  const [refused] = certificate.extensions.refused
  if (refused === undefined) return certificate
  throw refuse(`\`${certificate.name}\` has ${refused}, which this version does not process`)
}

/**
 * The timestamp authority that a PEM text stands for: its self-signed certificates are the roots (all of them, where
 * none is: each pinned), the others its intermediates, among which the signing certificate may stand.
 * @throws PlatformError INVALID_PARAMETER
 */
export function timestampAuthorityFromPem(pem: string): TimestampAuthority {
  const blocks = givenBytes(() => parsePem(pem))
  if (blocks.length === 0 || blocks.some(({ label }) => label !== 'CERTIFICATE'))
    throw refuse('a timestamp authority is given by certificates in PEM')
  const certificates = blocks.map(({ bytes }) => givenBytes(() => readCertificate(bytes)))
  const selfIssued = certificates.filter(isSelfIssued)
  const roots = selfIssued.length > 0 ? selfIssued : certificates
  const others = certificates.filter((one) => !roots.includes(one))
  return parseAuthority({ rootsPem: roots.map(toPem), intermediatesPem: others.map(toPem) })
}

function toPem({ der }: Certificate): string {
  return encodePem('CERTIFICATE', der)
}
