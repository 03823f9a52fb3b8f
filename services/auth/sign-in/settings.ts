import { PlatformError } from '../../model/index.ts'
import { checkIssuerUrl, refuseAudience, type TokenIssuer } from '../tokens/issuers.ts'

/** The identity provider by which people sign in to the console, and as whom it knows this service. */
export interface SignInSettings {
  readonly issuer: TokenIssuer
  readonly clientId: string
  readonly clientSecret: string
  /** `openid` among them. */
  readonly scopes: readonly string[]
  /** Where codes are exchanged; by discovery, on the issuer's own host, where none is given. */
  readonly tokenUrl: string | undefined
  /** May be asked without TLS. */
  readonly insecure: boolean
}

export interface SignInOptions {
  readonly issuer: string | undefined
  readonly clientId: string | undefined
  /** As it was read from its file. */
  readonly clientSecret: string | undefined
  readonly scopes: readonly string[]
  readonly tokenUrl: string | undefined
  readonly jwksUri: string | undefined
  readonly insecure: boolean
  /** Of bearer tokens, where any are taken. */
  readonly audience: string | undefined
}

/** RFC 6749 §3.3. */
const SCOPE = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/
const SCOPES_LIMIT = 16
/** RFC 6749, appendix A.2: printable ASCII, which no encoding changes twice. */
const CLIENT_SECRET = /^[\x20-\x7e]{1,4096}$/

/** `undefined` where nobody signs in so. @throws PlatformError CONFIGURATION */
export function parseSignInSettings(options: SignInOptions): SignInSettings | undefined {
  const { issuer, clientId, clientSecret, scopes, tokenUrl, jwksUri, insecure } = options
  if (issuer === undefined) {
    if (clientId ?? clientSecret ?? tokenUrl ?? scopes[0] ?? undefined)
      throw refuse('the other --console-oidc options go with --console-oidc-issuer')
    return undefined
  }
  if (clientId === undefined || clientSecret === undefined)
    throw refuse(
      '--console-oidc-issuer wants --console-oidc-client-id and --console-oidc-client-secret-file',
    )
  for (const url of [issuer, tokenUrl, jwksUri])
    if (url !== undefined) checkIssuerUrl(url, insecure)
  refuseAudience(clientId)
  // An ID token of the console could be brought to the API otherwise.
  if (clientId === options.audience)
    throw refuse('--console-oidc-client-id and --oidc-audience must differ')
  if (!CLIENT_SECRET.test(clientSecret))
    throw refuse('the client secret is not 1 to 4096 printable ASCII characters')
  const wrong = scopes.find((scope) => !SCOPE.test(scope))
  if (wrong !== undefined || scopes.length > SCOPES_LIMIT)
    throw refuse(`--console-oidc-scope takes up to ${SCOPES_LIMIT} scopes, each one word`)
  return {
    issuer: { url: issuer, jwksUri },
    clientId,
    clientSecret,
    scopes: [...new Set(['openid', ...scopes])],
    tokenUrl,
    insecure,
  }
}

function refuse(message: string): PlatformError {
  return new PlatformError('CONFIGURATION', message)
}
