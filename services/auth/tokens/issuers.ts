import { PlatformError } from '../../model/index.ts'

/** An identity provider whose tokens are taken. */
export interface TokenIssuer {
  /** Exactly the `iss` of its tokens. */
  readonly url: string
  /** Where its keys are; by discovery, on its own host, where none is given. */
  readonly jwksUri: string | undefined
}

/** Whose tokens are taken, and for whom they are: this service alone (RULES §7). */
export interface TokenSettings {
  readonly issuers: readonly TokenIssuer[]
  /** Exactly the `aud` of every token. */
  readonly audience: string
}

export interface TokenOptions {
  readonly issuers: readonly string[]
  readonly audience: string | undefined
  /** `URL=JWKS-URL`. */
  readonly jwks: readonly string[]
  /** Issuers that may be asked without TLS. */
  readonly insecure: readonly string[]
  /** The issuer by which people sign in to the console: the two before may be about it, too. */
  readonly signIn?: string | undefined
}

/** Audiences of signing services: who gets such a token could sign in somebody's name, and may not come here with it. */
const FOREIGN_AUDIENCES = ['sigstore']
const AUDIENCE_LIMIT_CHARS = 256

/** `undefined` where no issuer is named: no token is taken. @throws PlatformError CONFIGURATION */
export function parseTokenSettings(options: TokenOptions): TokenSettings | undefined {
  const { issuers, audience, insecure } = options
  const jwks = readJwksOption(options.jwks)
  for (const url of [...jwks.keys(), ...insecure]) {
    if (!issuers.includes(url) && url !== options.signIn)
      throw refuse(`\`${url}\` is no --oidc-issuer and no --console-oidc-issuer`)
  }
  if (issuers.length === 0) {
    if (audience !== undefined) throw refuse('--oidc-audience goes with --oidc-issuer')
    return undefined
  }
  if (new Set(issuers).size !== issuers.length) throw refuse('an --oidc-issuer is named twice')
  return {
    audience: checkAudience(audience),
    issuers: issuers.map((url) => {
      checkIssuerUrl(url, insecure.includes(url))
      const jwksUri = jwks.get(url)
      if (jwksUri !== undefined) checkIssuerUrl(jwksUri, insecure.includes(url))
      return { url, jwksUri }
    }),
  }
}

function checkAudience(audience: string | undefined): string {
  if (audience === undefined || audience === '')
    throw refuse('--oidc-issuer wants --oidc-audience: the name that tokens for this service carry')
  refuseAudience(audience)
  return audience
}

/** @throws PlatformError CONFIGURATION where tokens for it are made for others, too */
export function refuseAudience(audience: string): void {
  const sound = audience !== '' && audience.length <= AUDIENCE_LIMIT_CHARS
  if (sound && !FOREIGN_AUDIENCES.includes(audience)) return
  throw refuse(`the audience \`${audience.slice(0, 80)}\` is not this service’s own`)
}

/** Where the keys of issuers lie, by the issuer's URL. @throws PlatformError CONFIGURATION */
export function readJwksOption(texts: readonly string[]): ReadonlyMap<string, string> {
  return new Map(texts.map(splitPair))
}

/** The first `=` parts them: an issuer's URL has no query. */
function splitPair(text: string): [string, string] {
  const at = text.indexOf('=')
  const [url, value] = [text.slice(0, at), text.slice(at + 1)]
  if (at < 0 || url === '' || value === '') throw refuse(`\`${text}\` is not URL=JWKS-URL`)
  return [url, value]
}

/** @throws PlatformError CONFIGURATION */
export function checkIssuerUrl(text: string, insecure: boolean): void {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const plain = url?.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (url === undefined || !plain) throw refuse(`\`${text}\` is no URL of an issuer`)
  if (url.protocol === 'https:' || (url.protocol === 'http:' && insecure)) return
  throw refuse(`\`${text}\` is not an https URL (--oidc-insecure names issuers asked without TLS)`)
}

function refuse(message: string): PlatformError {
  return new PlatformError('CONFIGURATION', message)
}
