import type { Json } from '../../../services/model/index.ts'
import { below, exchangeJson, failed, toServiceUrl } from './exchange.ts'

/** What a device flow needs to know of an issuer. */
export interface Issuer {
  readonly deviceEndpoint: URL
  readonly tokenEndpoint: URL
  /** Whether it names S256 among its PKCE methods (RFC 7636 §4.3). */
  readonly pkce: boolean
}

/**
 * OpenID Connect Discovery 1.0 §4: the document has to name the very issuer that was asked.
 * @throws PlatformError SIGNER_FAILED
 */
export async function discoverIssuer(issuer: URL): Promise<Issuer> {
  const what = `the issuer \`${issuer.origin}\``
  const url = below(issuer, '/.well-known/openid-configuration')
  const document = await exchangeJson({ what, url })
  const named = document['issuer']
  if (typeof named !== 'string' || withoutSlash(named) !== withoutSlash(issuer.href))
    throw failed(`${what} calls itself otherwise in its discovery document`, 'issuer-mismatch')
  const methods = document['code_challenge_methods_supported']
  return {
    deviceEndpoint: endpoint(document['device_authorization_endpoint'], what, 'device flow'),
    tokenEndpoint: endpoint(document['token_endpoint'], what, 'token endpoint'),
    pkce: Array.isArray(methods) && methods.includes('S256'),
  }
}

function endpoint(value: Json | undefined, what: string, name: string): URL {
  if (typeof value !== 'string') throw failed(`${what} offers no ${name}`, 'no-device-flow')
  return toServiceUrl(value, `the ${name} of ${what}`)
}

function withoutSlash(text: string): string {
  return text.replace(/\/+$/, '')
}
