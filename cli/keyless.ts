import { PlatformError, type Json, type PublisherDocument } from '../services/model/index.ts'
import { parsePublisherDocument } from '../services/trust/index.ts'
import { readSmallFile } from './signing/index.ts'

/** The options that describe a keyless signer; cosign's names where it has them. */
export interface KeylessOptions {
  readonly certificateIdentity?: string
  readonly certificateOidcIssuer?: string
  readonly trustedRoot?: string
  readonly claim?: readonly string[]
}

/** Whether somebody keyless is asked for; a trusted root alone serves other kinds, too. */
export function isKeyless(options: KeylessOptions): boolean {
  const { certificateIdentity, certificateOidcIssuer, claim = [] } = options
  return (
    certificateIdentity !== undefined || certificateOidcIssuer !== undefined || claim.length > 0
  )
}

/**
 * The `oidc` publisher that the options describe, by the rules of the service. `settings`: further members.
 * @throws PlatformError INVALID_PARAMETER
 */
export function keylessDocument(
  options: KeylessOptions,
  settings: { readonly [name: string]: Json } = {},
): PublisherDocument {
  const { certificateIdentity, certificateOidcIssuer, trustedRoot, claim = [] } = options
  if (
    certificateIdentity === undefined ||
    certificateOidcIssuer === undefined ||
    trustedRoot === undefined
  )
    throw new PlatformError(
      'INVALID_PARAMETER',
      'keyless takes --certificate-identity, --certificate-oidc-issuer and --trusted-root together',
    )
  return parsePublisherDocument({
    kind: 'oidc',
    trustedRoot: readTrustedRoot(trustedRoot),
    issuer: certificateOidcIssuer,
    identity: { type: typeOf(certificateIdentity), value: certificateIdentity },
    ...(claim.length > 0 && { claims: toClaims(claim) }),
    ...settings,
  })
}

export function readTrustedRoot(path: string): string {
  return readSmallFile(path).toString('utf8')
}

/** A URI has a scheme; Fulcio writes an address with `@`, and `user!domain` for its own user names. */
function typeOf(identity: string): 'uri' | 'email' | 'username' {
  if (/^[a-z][a-z0-9+.-]*:/i.test(identity)) return 'uri'
  return identity.includes('!') && !identity.includes('@') ? 'username' : 'email'
}

function toClaims(texts: readonly string[]): Json {
  const claims = new Map<string, string[]>()
  for (const text of texts) {
    const at = text.indexOf('=')
    if (at < 1) throw new PlatformError('INVALID_PARAMETER', '--claim takes NAME=VALUE')
    const name = text.slice(0, at)
    claims.set(name, [...(claims.get(name) ?? []), text.slice(at + 1)])
  }
  return Object.fromEntries(claims)
}
